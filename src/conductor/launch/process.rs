//! `[target.process]`: which processes a server consists of that tidings did not start.

use std::path::Path;

use crate::dialect::launch::{CgroupSpec, ProcessSpec};
use crate::measure::{Cgroup, Watched};

/// Watches what a description names; nothing if it names nothing. `expand` fills in placeholders.
pub fn watch(
    spec: &ProcessSpec,
    expand: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Watched, String> {
    let process = match (spec.pid, &spec.pidfile) {
        (Some(_), Some(_)) => {
            return Err("[target.process] has both pid and pidfile: leave one out".to_owned());
        }
        (Some(pid), None) => Some(Watched::pid(pid)?),
        (None, Some(path)) => Some(Watched::pidfile(Path::new(&expand(path)?))?),
        (None, None) => None,
    };
    let group = match (&spec.cgroup, process) {
        (None | Some(CgroupSpec::OfProcess(false)), process) => {
            return Ok(process.unwrap_or(Watched::Nothing));
        }
        (Some(CgroupSpec::Path(_)), Some(_)) => {
            return Err(
                "[target.process] has both a process and the path of a control group: leave one \
                        out, or write cgroup = true for the group of the process"
                    .to_owned(),
            );
        }
        (Some(CgroupSpec::Path(path)), None) => Cgroup::at(&expand(path)?)?,
        (Some(CgroupSpec::OfProcess(true)), process) => {
            let pid = process.and_then(|process| process.pids().first().copied());
            Cgroup::of(pid.ok_or(
                "[target.process] has cgroup = true without a process: add pid or pidfile, or write the path of \
                 the control group",
            )?)?
        }
    };
    if Cgroup::of(std::process::id()).is_ok_and(|own| own == group) {
        return Err("the control group of the server is that of tidings too, and its figures would include \
                    those of the load generator: name the process instead, or run the server in a group of \
                    its own (systemd-run --scope)"
            .to_owned());
    }
    Ok(Watched::Group(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_once_and_a_group_is_not_that_of_tidings() {
        let own = std::process::id();
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("x.pid");
        std::fs::write(&pidfile, format!("{own}\n")).unwrap();
        let pidfile = pidfile.to_str().unwrap();
        let found = |toml: &str| {
            let spec: ProcessSpec = toml::from_str(toml).unwrap();
            let expand = |text: &str| Ok(text.replace("{{pidfile}}", pidfile));
            watch(&spec, &expand)
        };
        assert!(matches!(found(""), Ok(Watched::Nothing)));
        assert!(matches!(found("cgroup = false"), Ok(Watched::Nothing)));
        assert_eq!(found(&format!("pid = {own}")).unwrap().pids()[0], own);
        assert_eq!(found("pidfile = '{{pidfile}}'").unwrap().pids()[0], own);
        for (toml, said) in [
            (format!("pid = {own}\npidfile = 'x'"), "both pid and pidfile"),
            (format!("pid = {own}\ncgroup = '/x'"), "both a process and the path"),
            ("pid = 2000000000".to_owned(), "no process has the id 2000000000"),
            ("pidfile = '/no/such/file'".to_owned(), "is the server running?"),
            ("cgroup = true".to_owned(), "cgroup = true without a process"),
            ("cgroup = '/no/such/group'".to_owned(), "control group"),
            (format!("pid = {own}\ncgroup = true"), "control group"),
        ] {
            let error = found(&toml).unwrap_err();
            assert!(error.contains(said), "{toml}: {error}");
        }
    }
}
