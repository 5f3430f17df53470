//! Returns what it gets, for every type that a tool can take. Also what the macro's golden files are made of.

#[hotcell::tool(service = "upstream")]
mod every_type {
    /// Whether something is open.
    #[derive(Clone, Copy)]
    pub enum State {
        /// Still to be done.
        Open,
        Closed = 7,
    }

    /// What is allowed.
    #[flags]
    pub struct Rights {
        /// To look.
        pub read: bool,
        pub write_all: bool,
        pub r#type: bool,
    }

    /// A point in the plane.
    pub struct Point {
        /// To the right.
        pub x: f64,
        pub y: f64,
    }

    pub enum Shape {
        /// Nothing at all.
        Empty,
        Dot(Point),
        /// Two corners.
        Box(Point, Point),
        /// Round.
        Circle {
            /// Half as wide.
            radius: f32,
            middle: Point,
        },
        Named(Option<String>),
    }

    type Corners = Vec<(i32, i32)>;
    type Either<T, E = String> = std::result::Result<T, E>;

    /// All of them at once.
    #[expect(clippy::type_complexity, reason = "types are nested here on purpose")]
    pub struct Everything {
        /// Fields of the numbers.
        pub numbers: Numbers,
        pub text: Text,
        pub letter: char,
        pub bytes: Vec<u8>,
        pub corners: Corners,
        pub shapes: Vec<Shape>,
        pub state: Option<State>,
        pub rights: Rights,
        pub outcomes: Vec<Either<Point>>,
        pub plain: Result<(), ()>,
        pub nested: Vec<Vec<Option<(bool, Vec<String>)>>>,
    }

    type Text = std::string::String;

    pub struct Numbers {
        pub a: u8,
        pub b: u16,
        pub c: u32,
        pub d: u64,
        pub e: i8,
        pub f: i16,
        pub g: i32,
        pub h: i64,
        pub i: f32,
        pub j: f64,
    }

    /// Not handed over, so it may be anything.
    struct Kept<'a, T>(&'a T);

    /// Everything, there and back.
    ///
    /// It says so in
    /// two paragraphs with "quotes" and a \ in them.
    ///
    /// * `value`: what comes back
    ///
    /// # Returns
    /// What it got.
    pub fn everything(value: Everything) -> Everything {
        let kept = Kept(&value.letter);
        assert!(kept.0.len_utf8() > 0);
        value
    }

    pub fn numbers(value: Numbers) -> Numbers {
        value
    }

    pub fn text(
        /// Any text.
        value: String,
    ) -> String {
        value
    }

    pub fn letter(value: char) -> char {
        value
    }

    pub fn truth(value: bool) -> bool {
        value
    }

    pub fn bytes(value: Vec<u8>) -> Vec<u8> {
        value
    }

    pub fn shapes(value: Vec<Shape>) -> Vec<Shape> {
        value
    }

    pub fn state(value: State) -> State {
        value
    }

    pub fn rights(value: Rights) -> Rights {
        value
    }

    pub fn maybe(value: Option<Point>) -> Option<Point> {
        value
    }

    pub fn pair(value: (State, Option<u8>, (String,))) -> (State, Option<u8>, (String,)) {
        value
    }

    /// Returns one side or the other.
    ///
    /// # Errors
    /// If told so.
    pub fn outcome(value: Result<Point, Shape>) -> Result<Point, Shape> {
        value
    }

    pub fn outcomes(value: Vec<Either<u8>>) -> Vec<Either<u8>> {
        value
    }

    /// Fails with the SDK's own error.
    pub fn fail(with: Problem) -> Result<u64> {
        Err(with)
    }

    pub fn nothing() {}

    pub fn nothing_or(fails: bool) -> Result<(), String> {
        if fails { Err("told so".to_owned()) } else { Ok(()) }
    }

    /// More than fit into the registers of a call.
    pub fn many(
        a: String,
        b: String,
        c: String,
        d: String,
        e: String,
        f: String,
        g: String,
        h: String,
        i: Option<u8>,
    ) -> String {
        [a, b, c, d, e, f, g, h, i.map(|i| i.to_string()).unwrap_or_default()].concat()
    }

    /// Words that mean something to WIT, Rust or C.
    pub fn r#type(r#use: String, list: u8, func: bool, page_2: char) -> String {
        format!("{} {list} {func} {page_2}", r#use)
    }

    pub fn read(value: String) -> String {
        value
    }

    pub fn send(value: String) -> String {
        value
    }

    pub fn memory(value: String) -> String {
        value
    }

    /// Asks for something.
    #[scope("use")]
    #[scope("other", "thing:write")]
    #[public("GET https://api.example.com/v1/**")]
    pub fn scoped(
        /// Written out.
        mut value: String,
    ) -> Text {
        value.push('!');
        value
    }

    /// Asks another service for what everybody may see, without a token.
    #[service("other")]
    pub fn anonymous() -> Text {
        Text::default()
    }

    #[inline]
    pub(crate) fn _not_an_action() {}
}
