//! A promise about types that the compiler keeps: what holds a secret has no trait that could give it away (threat G1).

/// Compiles only if the type has none of the traits: with one, two impls fit and the call is ambiguous. Unlike a test
/// that must fail to compile, it cannot pass for another reason.
macro_rules! has_none_of {
    ($type:ty: $($bound:path),+) => {
        $({
            trait Ambiguous<A> {
                fn call() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Other;
            impl<T: ?Sized + $bound> Ambiguous<Other> for T {}
            <$type as Ambiguous<_>>::call();
        })+
    };
}

pub(crate) use has_none_of;
