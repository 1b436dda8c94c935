//! `audit show`: all events, or some of them.

use std::{path::Path, process::ExitCode, str::FromStr, time::Duration};

use jiff::Timestamp;
use rocky_sdk::hatch::{Record, records};
use uuid::Uuid;

use super::line::Printer;
use crate::Ended;

/// Which events.
#[derive(clap::Args)]
pub(crate) struct Filter {
    /// For this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// About this workspace
    #[arg(long)]
    subject: Option<String>,
    /// Of this action, by its id, or of this name (`hearth.provisioned`) or family (`hearth`)
    #[arg(long)]
    action: Option<Action>,
    /// From then on: `2026-01-02T03:04:05Z`, `2026-01-02` (UTC), or so long ago: `90s`, `30m`, `2h`, `7d`
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Id(Uuid),
    /// An event's name, or the family of one.
    Named(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Since(Timestamp);

/// Damage ends it, behind what stands before it.
pub(super) fn run(hatch: &Path, filter: &Filter, json: bool) -> Ended {
    let mut printer = Printer::new(json);
    for record in records(hatch)? {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let _read = printer.flush()?;
                return Err(error.into());
            }
        };
        if filter.takes(&record) && printer.print(&record)?.is_break() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let _read = printer.flush()?;
    Ok(ExitCode::SUCCESS)
}

impl Filter {
    fn takes(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        is(&self.tenant, &record.tenant)
            && is(&self.subject, &record.subject)
            && self.action.as_ref().is_none_or(|action| action.is_of(record))
            && self.since.is_none_or(|since| since.is_before(record))
    }
}

impl Action {
    fn is_of(&self, record: &Record) -> bool {
        match self {
            Action::Id(id) => record.actionid == Some(*id),
            Action::Named(name) => {
                record.kind.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        }
    }
}

impl Since {
    /// An event whose time cannot be read is shown rather than passed over.
    fn is_before(self, record: &Record) -> bool {
        record.time.parse::<Timestamp>().map_or(true, |time| time >= self.0)
    }

    fn ago(text: &str) -> Option<Timestamp> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return None,
        };
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| digits)?;
        Timestamp::now().checked_sub(Duration::from_secs(number.checked_mul(seconds)?)).ok()
    }
}

impl FromStr for Action {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse() {
            return Ok(Action::Id(id));
        }
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.split('.').all(|word| !word.is_empty() && word.bytes().all(letter)) {
            return Ok(Action::Named(text.to_owned()));
        }
        Err("write an action's id as `pending` shows it, an event's name (`hearth.provisioned`) or a family (`hearth`)")
    }
}

impl FromStr for Since {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_date = text.len() == "2026-01-02".len();
        let date = || format!("{text}T00:00:00Z").parse::<Timestamp>().ok().filter(|_| is_date);
        let time = text.parse::<Timestamp>().ok().or_else(date).or_else(|| Since::ago(text));
        time.map(Since).ok_or(
            "write a time (`2026-01-02T03:04:05Z`), a date (`2026-01-02`), or how long ago (`90s`, `30m`, `2h`, `7d`)",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(text: &str) -> Timestamp {
        text.parse::<Since>().unwrap().0
    }

    #[test]
    fn a_time_is_written_in_one_of_three_ways() {
        assert_eq!(since("2026-01-02"), since("2026-01-02T00:00:00Z"));
        assert_eq!(since("2026-01-02T01:00:00+01:00"), since("2026-01-02T00:00:00.000000Z"));
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("0s", 0)] {
            let since = since(text);
            let ago = Timestamp::now().duration_since(since).as_secs();
            assert!((seconds..seconds + 60).contains(&ago), "{text}: {ago}");
        }
        let no_spans = ["", "s", "d", "1", "-1h", "+1h", "1w", "1.5h", "1 h", "2h30m", "yesterday", "é", "1é"];
        let no_dates = ["2026-02-30", "2026-1-2", "2026-01-02T03:04:05", "03:04:05Z"];
        let too_long_ago = ["99999999999999999999s", "999999999999999d", "9999999d"];
        for bad in [&no_spans[..], &no_dates, &too_long_ago].concat() {
            let said = bad.parse::<Since>().unwrap_err();
            assert!(said.contains("2026-01-02T03:04:05Z") && said.contains("7d"), "{bad}");
        }
    }

    #[test]
    fn an_action_is_an_id_a_name_or_a_family() {
        let id = "01890000-0000-7000-8000-000000000002";
        assert_eq!(id.parse::<Action>(), Ok(Action::Id(id.parse().unwrap())));
        for name in ["hearth", "hearth.provisioned", "log", "keys_2.rotated"] {
            assert_eq!(name.parse::<Action>(), Ok(Action::Named(name.to_owned())));
        }
        for bad in ["", ".", "hearth.", ".provisioned", "Hearth", "hearth provisioned", &id[1..]] {
            assert!(bad.parse::<Action>().unwrap_err().contains("hearth.provisioned"), "{bad}");
        }
    }
}
