//! Which web pages may use what `tidings serve` serves.

use tidings::server::{Origin, Visitors};

/// Arguments about web pages.
#[derive(Debug, clap::Args)]
pub struct VisitorArguments {
    /// Let web pages of this origin use the target: scheme, host and port; repeat it for several, '*' for all
    #[arg(long, value_name = "ORIGIN", value_parser = allowed)]
    cors: Vec<Allowed>,
    /// A name by which browsers may ask for the target, beside addresses and localhost; repeat it for several
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
    /// What the target is told.
    pub fn visitors(&self) -> Visitors {
        let mut visitors = Visitors { hosts: self.hosts.clone(), ..Visitors::default() };
        for allowed in &self.cors {
            match allowed {
                Allowed::Any => visitors.any = true,
                Allowed::Of(origin) => visitors.origins.push(origin.clone()),
            }
        }
        visitors
    }

    /// What the user should know about what was allowed.
    pub fn note(&self) -> Option<&'static str> {
        let any = self.cors.iter().any(|allowed| matches!(allowed, Allowed::Any));
        any.then_some(
            "--cors '*' lets every web page that a browser on this network opens read and change what is here; name \
             origins unless that is meant",
        )
    }
}

fn allowed(text: &str) -> Result<Allowed, String> {
    match text {
        "*" => Ok(Allowed::Any),
        "null" => {
            Err("the origin null is that of any sandboxed page: use '*' if every page may"
                .to_owned())
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
