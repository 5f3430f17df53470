//! `hotcell dev`: builds and tests a project each time that somebody changes it; with `--action`, calls one action of it, too.
//!
//! Such a call is a real one, with the person's own tokens. Each build has another digest, and another digest needs a new yes; so
//! the person says once, at the start, that builds of this project may take the place of the installed tool. That yes covers what
//! was granted before and nothing else: a build that asks for more is not installed, and neither is one in place of a tool that
//! got strikes, which a new digest would forget (threat E12).

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;

use super::super::Exit;
use super::super::args;
use super::super::ask;
use super::super::author::build_shown;
use super::super::call;
use super::super::output;
use super::run;
use crate::Granted;
use crate::Host;
use crate::Package;
use crate::Places;
use crate::author::Profile;
use crate::author::Project;
use crate::author::kit;
use crate::author::kit::run::Bench;
use crate::author::kit::run::Ran;
use crate::author::kit::run::Workshop;
use crate::author::kit::watch;
use crate::stop;

/// `hotcell dev`
pub(in super::super) async fn dev(host: Option<&Host>, args: &args::Dev) -> Result<Exit, Refusal> {
    let project = Project::find(args.project.as_deref())?;
    if host.is_some() {
        agree(&project, args)?;
    }
    let workshop = Workshop::open(&Places::of_user()?, super::super::own_program().ok())?;
    let work = async {
        let mut again = 0;
        let mut called = None;
        loop {
            let before = watch::state(&project.dir);
            // A mistake is shown, and waits for its repair.
            if let Err(refusal) = round(&workshop, host, &project, args, &mut called).await {
                output::refusal(&refusal);
            }
            let after = watch::state(&project.dir);
            // Somebody changed something meanwhile, or the builder did, which it does not do for ever.
            if after != before && again < AGAIN {
                again += 1;
                continue;
            }
            (again, called) = (0, None);
            output::dim("waiting for changes; Ctrl-C ends this");
            watch::changed(&project.dir, after).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stop::stopped() => output::dim("ended"),
    }
    Ok(Exit::Done)
}

/// How often is built again because something changed during a build.
const AGAIN: usize = 5;

/// Builds, tests, and calls: what was `called` since somebody changed something is not called again.
async fn round(
    workshop: &Workshop,
    host: Option<&Host>,
    agreed: &Project,
    args: &args::Dev,
    called: &mut Option<Digest>,
) -> Result<(), Refusal> {
    output::title(&jiff::Zoned::now().strftime("%H:%M:%S").to_string());
    let folder = agreed.folder.clone();
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let building = tokio::task::spawn_blocking(move || {
        // Read anew: the manifest is a source, too.
        let project = Project::open(&folder)?;
        build_shown(&project, profile).map(|built| (project, built.package))
    });
    let (project, package) = building.await.map_err(|_| Refusal::internal("the build ended badly"))??;
    if !kit::has_cases(&project.dir)? {
        output::dim("it is built, and has no cases yet: docs/testing.md");
    } else {
        let cases = kit::cases(&project.dir, None, args.case.as_deref())?;
        let bench = Bench::new(workshop, &package, kit::services(&project.dir)?)?;
        let ran = run(&bench, &package, &cases, false).await?;
        if !ran.iter().all(Ran::passed) {
            return Ok(());
        }
    }
    let (Some(host), Some(action)) = (host, &args.action) else { return Ok(()) };
    if package.manifest.name != agreed.manifest.name {
        return Err(another_tool(&agreed.manifest.name, &package.manifest.name));
    }
    if called.replace(package.digest) == Some(package.digest) {
        return Ok(());
    }
    take_the_place(host, &package)?;
    let words = args::Call {
        tool: package.manifest.name.clone(),
        action: action.clone(),
        args: args.args.clone(),
        json: args.json.clone(),
        timeout: None,
        report: false,
        quiet: false,
        in_process: false,
    };
    call::call(host, &words).await.map(|_| ())
}

/// The yes was for one tool.
fn another_tool(agreed: &str, now: &str) -> Refusal {
    Refusal::new(
        Code::ToolNotTrusted,
        format!("the project's tool is {} now, and the yes was for {}", visible(now), visible(agreed)),
        "end hotcell dev and start it again",
    )
}

/// The one yes.
fn agree(project: &Project, args: &args::Dev) -> Result<(), Refusal> {
    let name = &project.manifest.name;
    output::note(&format!(
        "each build takes the place of the installed {name}, with the grant that it has, as long as it asks for nothing more; \
         then it is called with your tokens"
    ));
    let nobody = Refusal::new(
        Code::ToolNotTrusted,
        "nobody can be asked: this is not a terminal",
        "say yes with --yes, or leave out --action: cases alone need no grant",
    );
    if args.yes || ask::yes("Do this for as long as hotcell dev runs?", nobody)? {
        return Ok(());
    }
    Err(Refusal::new(Code::ToolNotTrusted, "it was not agreed to", "nothing was changed"))
}

/// Puts a build in the place of the installed tool, under the grant that a person gave to that.
fn take_the_place(host: &Host, package: &Package) -> Result<(), Refusal> {
    let earlier = host.catalog().find(&package.manifest.name)?;
    if earlier.digest == package.digest {
        return Ok(());
    }
    host.examine(package)?;
    let granted = within(&earlier, package)?;
    if host.strikes().has_any(earlier.digest)? {
        let what = format!("answers to {} were withheld, and a new build would forget that", earlier.name);
        return Err(Refusal::new(Code::ToolNotTrusted, what, "look at hotcell audit, then install it yourself"));
    }
    host.install(package, granted)
}

/// The grant of a build that asks for no more than was granted.
fn within(earlier: &Granted, package: &Package) -> Result<Granted, Refusal> {
    let asked = Granted::of(package, jiff::Timestamp::now());
    let more = asked.beyond(earlier);
    if more.is_empty() {
        return Ok(asked);
    }
    let more: Vec<_> = more.iter().map(|line| visible(line)).collect();
    Err(Refusal::new(
        Code::ToolNotTrusted,
        format!("this build asks for more than was granted: {}", more.join("; ")),
        format!("look at it and say yes yourself: hotcell install dist/{}.wasm", earlier.name),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(actions: &str) -> Package {
        let text = format!("name = \"t\"\nversion = \"1\"\n{actions}");
        Package::new(wasm_encoder::Component::new().finish(), Some((&text, "t"))).unwrap()
    }

    #[test]
    fn i4_a_build_gets_what_was_granted_and_never_more() {
        let old = package(
            "[actions.a]\nservices = { api = [\"read\", \"write\"] }\npublic = [\"GET https://p.example/**\"]\n",
        );
        let mut earlier = Granted::all_of(&old.manifest, old.digest, jiff::Timestamp::UNIX_EPOCH);
        for (actions, fits) in [
            ("", true),
            ("description = \"changed\"\n", true),
            ("[actions.a]\nservices = { api = [\"read\"] }\n", true),
            ("[actions.a]\nservices = { api = [\"read\", \"admin\"] }\n", false),
            ("[actions.a]\nservices = { other = [] }\n", false),
            ("[actions.a]\npublic = [\"POST https://p.example/**\"]\n", false),
            ("[actions.b]\nservices = { api = [\"read\"] }\n", false),
            ("inert_imports = [\"wasi:sockets\"]\n", false),
        ] {
            let build = package(actions);
            match within(&earlier, &build) {
                Ok(granted) => {
                    assert!(fits, "{actions}");
                    assert_eq!(granted.digest, build.digest);
                    assert!(granted.beyond(&earlier).is_empty());
                }
                Err(refusal) => assert!(!fits && refusal.code == Code::ToolNotTrusted, "{actions} {refusal:?}"),
            }
        }
        // What a person took back does not come back with a build that asks for it as before.
        earlier.actions.get_mut("a").unwrap().services.get_mut("api").unwrap().remove("write");
        assert!(within(&earlier, &old).is_err());
    }
}
