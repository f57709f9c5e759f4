//! A few values by name in one piece of memory: every link has some, and most change them rarely.

/// Values by name. Each stands behind its lengths: `4:3:name` and `val`.
#[derive(Debug, Default)]
pub(super) struct Packed(Box<str>);

/// One value among the others.
struct Entry<'a> {
    name: &'a str,
    value: &'a str,
    /// The whole entry.
    text: &'a str,
}

impl Packed {
    /// The value under `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.entries().find(|entry| entry.name == name).map(|entry| entry.value)
    }

    /// Removes what is called one of `names`, and adds a name with its value. Without values, no memory is held.
    pub(super) fn change(&mut self, names: &[&str], added: Option<(&str, &str)>) {
        let mut text = String::new();
        if let Some((name, value)) = added {
            text = format!("{}:{}:{name}{value}", name.len(), value.len());
        }
        let kept = |entry: &Entry<'_>| !names.contains(&entry.name);
        text.extend(self.entries().filter(kept).map(|entry| entry.text));
        self.0 = text.into();
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (entry, behind) = first(rest)?;
            rest = behind;
            Some(entry)
        })
    }
}

/// The first entry of `text`, and what is behind it.
fn first(text: &str) -> Option<(Entry<'_>, &str)> {
    let (name, rest) = text.split_once(':')?;
    let (value, rest) = rest.split_once(':')?;
    let (name, behind) = rest.split_at_checked(name.parse().ok()?)?;
    let (value, behind) = behind.split_at_checked(value.parse().ok()?)?;
    Some((Entry { name, value, text: &text[..text.len() - behind.len()] }, behind))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_whatever_names_and_values_contain(
            changes: Vec<(String, Option<String>)>, few in prop::collection::vec("[a-c:1]{0,2}", 0..20),
        ) {
            let (mut packed, mut map) = (Packed::default(), BTreeMap::new());
            let few = few.iter().zip(0..).map(|(name, n)| {
                (name.clone(), (n % 3 > 0).then(|| format!("{n}:{name}")))
            });
            for (name, value) in few.chain(changes) {
                packed.change(&[&name], value.as_deref().map(|value| (&*name, value)));
                match value {
                    Some(value) => drop(map.insert(name, value)),
                    None => drop(map.remove(&name)),
                }
                for (name, value) in &map {
                    prop_assert_eq!(packed.get(name), Some(&**value));
                }
                prop_assert_eq!(packed.entries().count(), map.len());
            }
            let names: Vec<&str> = map.keys().map(String::as_str).collect();
            packed.change(&names, None);
            prop_assert!(packed.0.is_empty(), "no memory is held");
        }
    }
}
