//! What `hotcell test` shows: a line for each case as it ends, what differs, which rules no case used; or all of it as JSON.

use std::time::Duration;

use hotcell_gate::Services;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::text::shown;
use hotcell_protocol::text::visible;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use super::super::output;
use crate::Package;
use crate::author::kit::case::Case;
use crate::author::kit::coverage::Coverage;
use crate::author::kit::coverage::Rule;
use crate::author::kit::run::Ran;

/// Bytes of a line of the tool's log that are shown.
const LOG: usize = 300;
/// Lines of the log that are shown of a case that failed: the last ones.
const LOG_LINES: usize = 20;

/// A request that the gate refused, or whose answer it withheld.
#[derive(Debug, Serialize)]
struct Refused {
    case: String,
    method: &'static str,
    url: String,
    refusal: Refusal,
}

/// Collects and shows.
pub(super) struct Report<'a> {
    package: &'a Package,
    json: bool,
    widths: (usize, usize),
    coverage: Coverage,
    refused: Vec<Refused>,
    cases: Vec<Value>,
    ended: usize,
    passed: usize,
    took: Duration,
}

impl<'a> Report<'a> {
    pub(super) fn new(package: &'a Package, services: &Services, cases: &[Case], json: bool) -> Self {
        let longest = |of: fn(&Case) -> &str| cases.iter().map(|case| of(case).chars().count()).max().unwrap_or(0);
        let widths = (longest(|case| &case.name).min(60), longest(|case| &case.action).min(30));
        let coverage = Coverage::of(&package.manifest, services);
        let (refused, cases) = (Vec::new(), Vec::new());
        Self { package, json, widths, coverage, refused, cases, ended: 0, passed: 0, took: Duration::ZERO }
    }

    /// A case has ended.
    pub(super) fn add(&mut self, ran: &Ran<'_>) {
        self.took += ran.took;
        self.ended += 1;
        self.passed += usize::from(ran.passed());
        self.coverage.note(&ran.case.action, &ran.requests);
        let refused = ran.seen.exchanges.iter().filter_map(|exchange| {
            let refusal = exchange.came.as_ref().err()?.clone();
            let url = shown(&exchange.asked.url, LOG);
            Some(Refused { case: ran.case.name.clone(), method: exchange.asked.method.as_str(), url, refusal })
        });
        self.refused.extend(refused);
        if self.json {
            self.cases.push(of(ran));
        } else {
            self.show(ran);
        }
    }

    fn show(&self, ran: &Ran<'_>) {
        let (name, action) = (visible(&ran.case.name), visible(&ran.case.action));
        let (first, second) = self.widths;
        let requests = count(ran.requests.len(), "request");
        let line = format!("{name:first$}  {action:second$}  {requests:>11}  {:>6} ms", ran.took.as_millis());
        output::mark(ran.passed(), &line);
        if ran.passed() {
            return;
        }
        output::line(&format!("    {}", ran.case.place()));
        for found in &ran.differences {
            output::line(&format!("    {}", found.at));
            output::line(&format!("      expected  {}", found.expected));
            output::line(&format!("      got       {}", found.got));
        }
        let hint = match &ran.outcome.verdict {
            Verdict::Refused(refusal) => Some(refusal),
            _ => ran.seen.exchanges.iter().find_map(|exchange| exchange.came.as_ref().err()),
        };
        if let Some(refusal) = hint.filter(|refusal| !refusal.hint.is_empty()) {
            output::line(&format!("    hint: {}", visible(&refusal.hint)));
        }
        let log = &ran.seen.log;
        for line in log.iter().skip(log.len().saturating_sub(LOG_LINES)) {
            output::line(&format!("    log: {}", shown(&line.text, LOG)));
        }
    }

    /// All cases have ended.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        let rules = self.coverage.rules();
        let used = rules.iter().filter(|rule| !rule.used_by.is_empty()).count();
        let failed = self.ended - self.passed;
        if self.json {
            let manifest = &self.package.manifest;
            return output::json(&json!({
                "tool": manifest.name, "version": manifest.version, "digest": self.package.digest.to_string(),
                "passed": self.passed, "failed": failed, "ms": millis(self.took), "cases": self.cases,
                "coverage": {
                    "rules": rules, "used": used, "granted": rules.len(),
                    "scopes_unused": self.coverage.unused(), "actions_without_case": self.coverage.untried(),
                    "refused": self.refused,
                },
            }));
        }
        output::line("");
        output::mark(failed == 0, &format!("{} passed, {failed} failed, in {} ms", self.passed, self.took.as_millis()));
        if !rules.is_empty() {
            output::line(&format!("policy coverage: {used} of {} granted rules were used by a case", rules.len()));
        }
        for rule in rules.iter().filter(|rule| rule.used_by.is_empty()) {
            let actions: Vec<_> = rule.granted_to.iter().map(|action| visible(action)).collect();
            output::line(&format!("  not used: {}, granted to {}", rule_text(&rule.rule), actions.join(", ")));
        }
        for unused in self.coverage.unused() {
            let scope = unused.scope.map_or("(no token)".to_owned(), |scope| visible(&scope));
            let what = format!("{} asks for {scope} of {}", visible(&unused.action), visible(&unused.service));
            output::line(&format!("  not needed by any case: {what}"));
        }
        for action in self.coverage.untried() {
            output::line(&format!("  no case: {}", visible(&action)));
        }
        for refused in &self.refused {
            let Refused { case, method, url, refusal } = refused;
            output::line(&format!("  refused: {} for {method} {url}, in {}", refusal.code, visible(case)));
        }
        Ok(())
    }
}

fn rule_text(rule: &Rule) -> String {
    let whose = [rule.service.as_deref(), rule.scope.as_deref()].map(|part| part.map(visible));
    let whose: Vec<_> = whose.into_iter().flatten().collect();
    let whose = if whose.is_empty() { "public".to_owned() } else { whose.join(" ") };
    format!("{} {} ({whose})", rule.method, visible(&rule.path))
}

/// A case as JSON.
fn of(ran: &Ran<'_>) -> Value {
    let log: Vec<_> = ran.seen.log.iter().map(|line| json!({"level": line.level, "text": line.text})).collect();
    json!({
        "name": ran.case.name, "file": ran.case.file, "line": ran.case.line, "action": ran.case.action,
        "passed": ran.passed(), "differences": ran.differences, "ms": millis(ran.took),
        "memory_bytes": ran.outcome.cost.memory_bytes, "verdict": ran.outcome.verdict,
        "requests": ran.requests, "log": log,
    })
}

/// So many of something.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
