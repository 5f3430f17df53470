//! `hotcell mcp add`: this server in a client's own configuration. Shown first, written after a yes.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;

use super::args;
use super::ask;
use super::output;
use crate::folders;
use crate::mcp::clients::Plan;

pub(super) fn add(args: &args::McpAdd) -> Result<(), Refusal> {
    let plan = Plan::of(args.client, args.project)?;
    let path = visible(&plan.path.display().to_string());
    if args.print {
        output::line(plan.entry.trim_end());
        output::note(&format!("belongs into {path}"));
        return Ok(());
    }
    let Some(text) = &plan.text else {
        output::good(&format!("{path} has this server already"));
        return Ok(());
    };
    output::title(&format!("Added to {path}"));
    output::note(plan.entry.trim_end());
    let nobody = Refusal::new(
        Code::BadArguments,
        "nobody can be asked whether to write this",
        "add --yes to write it, or --print to see it alone",
    );
    if !args.yes && !ask::yes("Write it?", nobody)? {
        output::note("nothing was changed");
        return Ok(());
    }
    let suffix = format!("before-hotcell-{}", jiff::Timestamp::now().as_second());
    let copy = folders::replace_foreign_file(&plan.path, text, &suffix)?;
    output::good(&format!("written: {path}"));
    if let Some(copy) = copy {
        output::note(&format!("the file as it was is beside it: {}", visible(&copy)));
    }
    output::note("start the client anew, or let it load its servers again");
    Ok(())
}
