//! The values that placeholders stand for.

/// What one rendering knows. A value that means nothing where the text stands is `None`.
pub struct Scope<'a> {
    /// `{{client}}`: the number of the client, from 0. Rows of files are chosen by it.
    pub client: Option<u64>,
    /// `{{topic}}`.
    pub topic: Option<&'a str>,
    /// `{{n}}`: the number of the event in its topic, or of the request of its client.
    pub n: Option<u64>,
    /// `{{cursor}}`: the client's position.
    pub cursor: Option<&'a str>,
    /// `{{event}}`: the payload, a JSON value.
    pub event: Option<&'a [u8]>,
    /// `{{token}}`: the event's token.
    pub token: Option<&'a str>,
    /// `{{callback_url}}`.
    pub callback_url: Option<&'a str>,
    /// `{{port}}`.
    pub port: Option<u16>,
    /// `{{seq}}`: the number of the message on its connection. The caller counts messages, so that all texts of one agree.
    pub seq: Option<u64>,
    /// What is asked for only where a text needs it.
    pub world: &'a mut dyn World,
}

impl<'a> Scope<'a> {
    /// A scope with nothing but `world`.
    pub fn new(world: &'a mut dyn World) -> Self {
        Self {
            client: None,
            topic: None,
            n: None,
            cursor: None,
            event: None,
            token: None,
            callback_url: None,
            port: None,
            seq: None,
            world,
        }
    }
}

/// Time, chance, captured values and secrets.
pub trait World {
    /// Nanoseconds since 1970, UTC. The same for all texts of one message, where these sign each other.
    fn unix_ns(&mut self) -> u64;

    /// A number from `least` to `most`, both included.
    fn random(&mut self, least: u64, most: u64) -> u64;

    /// The value that was captured under `name`.
    fn capture(&self, name: &str) -> Option<&str>;

    /// The environment's variable `name`.
    fn secret(&self, name: &str) -> Option<&str>;
}

/// A world in which nothing was captured and no secret is set, at the beginning of 1970: for texts that need none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWorld;

impl World for NoWorld {
    fn unix_ns(&mut self) -> u64 {
        0
    }

    fn random(&mut self, least: u64, _most: u64) -> u64 {
        least
    }

    fn capture(&self, _name: &str) -> Option<&str> {
        None
    }

    fn secret(&self, _name: &str) -> Option<&str> {
        None
    }
}
