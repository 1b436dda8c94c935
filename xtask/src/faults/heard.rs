//! What libtest says while it runs tests one after the other: `test NAME ... `, then what the test itself says, then
//! `ok` or `FAILED`. A fault that held is a line `FAULT`, what was done, how often, with tabs between.

use std::time::Instant;

use super::Row;

#[derive(Default)]
pub(super) struct Heard {
    pub(super) rows: Vec<Row>,
    ended: Vec<Ended>,
    running: Option<Running>,
}

struct Ended {
    test: String,
    passed: bool,
    rows: usize,
}

struct Running {
    test: String,
    began: Instant,
    rows: usize,
    /// What it said that is no row: told where it fails.
    said: Vec<String>,
}

impl Heard {
    pub(super) fn hear(&mut self, line: &str) {
        let mut text = line;
        // What a test says first stands behind its name.
        if let Some((test, rest)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) {
            self.ends(false);
            self.running = Some(Running { test: test.to_owned(), began: Instant::now(), rows: 0, said: Vec::new() });
            text = rest;
        }
        let Some(running) = &mut self.running else { return };
        if let Some((_, row)) = text.split_once("FAULT\t") {
            let (fault, times) = row.split_once('\t').unwrap_or((row, "-"));
            println!("  {fault}: {times}");
            self.rows.push(Row { fault: fault.to_owned(), times: times.to_owned(), held: true });
            running.rows += 1;
            return;
        }
        match text.trim() {
            "ok" => self.ends(true),
            "FAILED" => self.ends(false),
            "" => {}
            ignored if ignored.starts_with("ignored") => self.running = None,
            other => running.said.push(other.to_owned()),
        }
    }

    /// Nothing more comes.
    pub(super) fn over(&mut self, success: bool, asked: &str) {
        // One that took the process with it.
        self.ends(false);
        let why = if self.ended.is_empty() {
            "no test ran"
        } else if !success && self.ended.iter().all(|test| test.passed) {
            "the tests passed, and cargo says that it failed"
        } else {
            return;
        };
        self.rows.push(Row { fault: asked.to_owned(), times: why.to_owned(), held: false });
    }

    pub(super) fn passed(&self, test: &str) -> bool {
        self.ended.iter().any(|ended| ended.test == test && ended.passed)
    }

    /// The tests that passed and said nothing for the table.
    pub(super) fn silent(&self) -> impl Iterator<Item = &str> {
        self.ended.iter().filter(|test| test.passed && test.rows == 0).map(|test| test.test.as_str())
    }

    /// The one that runs, if one does.
    fn ends(&mut self, passed: bool) {
        let Some(Running { test, began, rows, said }) = self.running.take() else { return };
        println!("{test}: {}, {:.1} s", if passed { "held" } else { "FAILED" }, began.elapsed().as_secs_f64());
        if !passed {
            said.iter().for_each(|line| println!("  {line}"));
            self.rows.push(Row { fault: test.clone(), times: "-".to_owned(), held: false });
        }
        self.ended.push(Ended { test, passed, rows });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(said: &str, success: bool) -> Heard {
        let mut heard = Heard::default();
        said.lines().for_each(|line| heard.hear(line));
        heard.over(success, "hatch::faults::");
        heard
    }

    fn rows(heard: &Heard) -> Vec<(&str, &str, bool)> {
        heard.rows.iter().map(|row| (row.fault.as_str(), row.times.as_str(), row.held)).collect()
    }

    #[test]
    fn a_row_stands_behind_a_name_or_alone() {
        let said = "\nrunning 3 tests\n\
            test a::clock ... FAULT\tit jumps\t203\n\
            FAULT\tit stands still\t5 (2 lost)\n\
            ok\n\
            test a::quiet ... ok\n\
            test a::slow ... ignored, by hand\n\
            test a::dice ... ROCKY_SEED=7\n\
            FAULT\tit falls\t1\n\
            ok\n\n\
            test result: ok. 3 passed; 0 failed; 0 ignored\n";
        let heard = heard(said, true);
        assert_eq!(
            rows(&heard),
            [("it jumps", "203", true), ("it stands still", "5 (2 lost)", true), ("it falls", "1", true)]
        );
        assert_eq!(heard.silent().collect::<Vec<_>>(), ["a::quiet"]);
        assert!(heard.passed("a::clock") && !heard.passed("a::never"));
    }

    #[test]
    fn a_test_that_fails_is_a_row() {
        let said = "running 2 tests\ntest a::one ... FAULT\tit holds\t1\nFAILED\ntest a::two ... ok\n\nfailures:\n    a::one\n";
        assert_eq!(rows(&heard(said, false)), [("it holds", "1", true), ("a::one", "-", false)]);
    }

    #[test]
    fn a_test_that_never_ends_is_a_row() {
        assert_eq!(rows(&heard("running 2 tests\ntest a::one ... ROCKY_SEED=7\n", false)), [("a::one", "-", false)]);
        let said = "test a::one ... at work\ntest a::two ... ok\n";
        assert_eq!(rows(&heard(said, false)), [("a::one", "-", false)]);
    }

    #[test]
    fn no_test_and_a_failure_of_nobody_hold_nothing() {
        assert_eq!(rows(&heard("running 0 tests\n", true)), [("hatch::faults::", "no test ran", false)]);
        let nobody = heard("test a::one ... ok\n", false);
        assert!(matches!(rows(&nobody)[..], [("hatch::faults::", _, false)]));
    }
}
