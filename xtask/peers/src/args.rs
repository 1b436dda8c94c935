//! The command line: one word, then `--name value` in any order.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// What was given and not taken yet.
#[derive(Debug)]
pub struct Args(Vec<(String, String)>);

impl Args {
    /// The word, and what comes after it.
    ///
    /// # Errors
    /// No word; a name without a value; a value without a name.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<(String, Self), String> {
        let mut words = words.into_iter();
        let first = words.next().filter(|word| !word.starts_with("--")).ok_or("say first what to measure")?;
        let mut given = Vec::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("`{word}` has no name: write `--name {word}`"))?;
            let value = words.next().ok_or_else(|| format!("`--{name}` has no value"))?;
            given.push((name.to_owned(), value));
        }
        Ok((first, Args(given)))
    }

    /// A value that has to be there.
    ///
    /// # Errors
    /// It is not there, or not such a value.
    pub fn take<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<T, String> {
        self.take_if_given(name)?.ok_or_else(|| format!("`--{name}` is missing"))
    }

    /// A value that may be there.
    ///
    /// # Errors
    /// It is not such a value.
    pub fn take_if_given<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(at) = self.0.iter().position(|(given, _)| given == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        value.parse().map(Some).map_err(|error| format!("`--{name} {value}`: {error}"))
    }

    /// `--seconds`, more than none.
    ///
    /// # Errors
    /// It is not there, or no such time.
    pub fn seconds(&mut self) -> Result<Duration, String> {
        let seconds: f64 = self.take("seconds")?;
        let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
        time.ok_or_else(|| format!("`--seconds {seconds}` is no time to measure for"))
    }

    /// `--folder`, made where it is missing.
    ///
    /// # Errors
    /// It is not given, or cannot be made.
    pub fn folder(&mut self) -> Result<PathBuf, String> {
        let folder: PathBuf = self.take("folder")?;
        std::fs::create_dir_all(&folder).map_err(at(&folder))?;
        Ok(folder)
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// Something is: it would have been left out of account.
    pub fn end(self) -> Result<(), String> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("`--{name}` is unknown here, or said twice")),
        }
    }
}

/// An error of the system's, with the path that it is about.
pub fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn read(line: &str) -> Result<(String, Args), String> {
        Args::read(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn values_are_taken_by_name_once() {
        let (peer, mut args) = read("naive --seconds 1.5 --writers 64").unwrap();
        assert_eq!(peer, "naive");
        assert_eq!(args.take::<NonZeroUsize>("writers").unwrap().get(), 64);
        assert_eq!(args.seconds().unwrap(), Duration::from_millis(1500));
        assert_eq!(args.take_if_given::<usize>("batch").unwrap(), None);
        args.end().unwrap();
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(read("--writers 64").is_err());
        assert!(read("naive writers").unwrap_err().contains("`writers`"));
        assert!(read("naive --writers").unwrap_err().contains("`--writers`"));
        let (_, mut args) = read("naive --writers 0 --seconds -1 --colour red").unwrap();
        assert!(args.take::<NonZeroUsize>("writers").unwrap_err().contains("`--writers 0`"));
        assert!(args.seconds().is_err());
        assert!(args.take::<usize>("bytes").unwrap_err().contains("`--bytes` is missing"));
        assert!(args.end().unwrap_err().contains("`--colour`"));
    }
}
