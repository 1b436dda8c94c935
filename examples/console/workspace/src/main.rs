//! A workspace as a program of its own, for a container: it serves its page, says whether it is well, and tries from
//! inside what the container lets it do.
//!
//! It is linked statically and has the standard library alone, so that nothing but it has to be in the image.

mod inside;
mod page;

use std::{
    env,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::ExitCode,
};

use page::Page;

const USAGE: &str = "\
rocky-workspace                 serves the page on 0.0.0.0:$ROCKY_PORT (8080), and /health
rocky-workspace health          exits 0 when its own /health says ok
rocky-workspace probe IP PORT   exits 0 when a connection comes about within a second
rocky-workspace write PATH      exits 0 when that file can be opened for writing, or made
rocky-workspace spawn N         says how many of N sleeping threads come about
rocky-workspace status          what the kernel says of its user, capabilities and filters";
/// Where the volume is.
const DATA: &str = "/data";

fn main() -> ExitCode {
    let words: Vec<String> = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = match words[..] {
        [] => serve(),
        ["health"] => port().and_then(page::health),
        ["probe", address, port] => inside::probe(address, port),
        ["write", path] => inside::write(Path::new(path)),
        ["spawn", wanted] => inside::spawn(wanted),
        ["status"] => inside::status(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match said {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<String, String> {
    let port = port()?;
    let starts = page::count_start(Path::new(DATA));
    if let Err(error) = &starts {
        // The page is served all the same: it says that it does not know.
        eprintln!("the start is not counted: {DATA} cannot be used: {error}");
    }
    let page = Page { slug: variable("ROCKY_SLUG"), tenant: variable("ROCKY_TENANT"), starts: starts.ok() };
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .map_err(|error| format!("port {port} cannot be listened on: {error}"))?;
    println!("serving on port {port}");
    page::serve(listener, page);
    Ok("nothing is served any more".to_owned())
}

fn port() -> Result<u16, String> {
    let Some(said) = env::var_os("ROCKY_PORT") else { return Ok(8080) };
    let port = said.to_str().and_then(|said| said.parse().ok()).filter(|port| *port != 0);
    port.ok_or_else(|| format!("ROCKY_PORT is no port: {}", said.display()))
}

/// What the environment says, or a dash.
fn variable(name: &str) -> String {
    env::var_os(name).map_or_else(|| "-".to_owned(), |said| said.to_string_lossy().into_owned())
}
