//! The web pages that may use `tidings serve`.

use tidings::server::{Origin, Visitors};

/// Arguments about web pages.
#[derive(Debug, clap::Args)]
pub(super) struct VisitorArguments {
    /// Allow web pages of this origin (scheme, host, port) to use the target; repeatable, '*' for all
    #[arg(long, value_name = "ORIGIN", value_parser = allowed)]
    cors: Vec<Allowed>,
    /// Accept browser requests for this host name, in addition to addresses and localhost; repeatable
    #[arg(long = "host", value_name = "NAME", value_parser = name)]
    hosts: Vec<String>,
}

/// Pages that may use the target.
#[derive(Debug, Clone)]
enum Allowed {
    Any,
    Of(Origin),
}

impl VisitorArguments {
    /// Returns the target's settings.
    pub(super) fn visitors(&self) -> Visitors {
        let mut visitors = Visitors { hosts: self.hosts.clone(), ..Visitors::default() };
        for allowed in &self.cors {
            match allowed {
                Allowed::Any => visitors.any = true,
                Allowed::Of(origin) => visitors.origins.push(origin.clone()),
            }
        }
        visitors
    }

    /// Returns a note about what was allowed.
    pub(super) fn note(&self) -> Option<&'static str> {
        let any = self.cors.iter().any(|allowed| matches!(allowed, Allowed::Any));
        any.then_some(
            "--cors '*' lets every web page opened on this network read and change the target's data; name origins \
             unless that is intended",
        )
    }
}

fn allowed(text: &str) -> Result<Allowed, String> {
    match text {
        "*" => Ok(Allowed::Any),
        "null" => {
            Err("the origin null covers any sandboxed page; use '*' to allow every page".to_owned())
        }
        text => text
            .parse()
            .map(Allowed::Of)
            .map_err(|error: tidings::server::NotAnOrigin| error.to_string()),
    }
}

fn name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text.trim_end_matches('.').to_owned());
    }
    Err("write a host name without scheme and port, such as bench.example".to_owned())
}
