//! The newest run of a folder that holds runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::RunInfo;

/// Folders between the one that was named and a run: `results/<scenario>/<run>`.
const DEPTH: u32 = 2;

/// The runs below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsBelow {
    /// The one that began last.
    pub newest: PathBuf,
    /// How many there are.
    pub count: usize,
}

/// The runs below `dir`, which is no run itself; `None` where there are none that can be read.
pub fn runs_below(dir: &Path) -> Option<RunsBelow> {
    if dir.join("run.json").exists() {
        return None;
    }
    let mut runs = Vec::new();
    collect(dir, DEPTH, &mut runs);
    let count = runs.len();
    let (_, newest) = runs.into_iter().max()?;
    Some(RunsBelow { newest, count })
}

/// Every run below `dir`, oldest first; none if it is a run itself, or holds none that can be read.
pub fn every_run_below(dir: &Path) -> Vec<PathBuf> {
    let mut runs = Vec::new();
    if !dir.join("run.json").exists() {
        collect(dir, DEPTH, &mut runs);
        runs.sort();
    }
    runs.into_iter().map(|(_, path)| path).collect()
}

/// Start and number: of two runs that began in one second, the later one has the longer name (`…-2`).
type Order = (String, usize, PathBuf);

fn collect(dir: &Path, depth: u32, runs: &mut Vec<(Order, PathBuf)>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if path.join("run.json").exists() {
            if let Ok(info) = RunInfo::read(&path) {
                let name = path.file_name().map_or(0, std::ffi::OsStr::len);
                runs.push(((info.started_utc, name, path.clone()), path));
            }
        } else if depth > 1 {
            collect(&path, depth - 1, runs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synthetic::{case, info, scenario};
    use crate::scenario::PatternKind;

    #[test]
    fn the_run_that_began_last_is_the_newest_wherever_it_is() {
        let out = tempfile::tempdir().unwrap();
        let write = |folder: &str, started: &str| {
            let mut info = info(scenario(vec![case(PatternKind::Sse, 20, "")], 1, &[]));
            info.started_utc = started.to_owned();
            let folder = out.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("run.json"), serde_json::to_string(&info).unwrap()).unwrap();
        };
        assert_eq!(runs_below(out.path()), None);
        write("ci/20260101T000000Z-z", "2026-01-01T00:00:00Z");
        write("ci/20260301T000000Z-a", "2026-03-01T00:00:00Z");
        write("other/20260201T000000Z-z", "2026-02-01T00:00:00Z");
        write("other/too/deep/20270201T000000Z-z", "2027-02-01T00:00:00Z");
        fs::create_dir_all(out.path().join("ci/broken")).unwrap();
        fs::write(out.path().join("ci/broken/run.json"), "{}").unwrap();
        for (folder, newest, count) in [
            ("", "ci/20260301T000000Z-a", 3),
            ("ci", "ci/20260301T000000Z-a", 2),
            ("other", "other/20260201T000000Z-z", 1),
        ] {
            let expected = RunsBelow { newest: out.path().join(newest), count };
            assert_eq!(runs_below(&out.path().join(folder)), Some(expected), "{folder}");
        }
        write("ci/20260301T000000Z-a-2", "2026-03-01T00:00:00Z");
        write("ci/20260301T000000Z-a-10", "2026-03-01T00:00:00Z");
        let newest = runs_below(&out.path().join("ci")).unwrap().newest;
        assert_eq!(newest, out.path().join("ci/20260301T000000Z-a-10"));
        assert_eq!(runs_below(&newest), None, "a run is no folder of runs");
        assert_eq!(runs_below(Path::new("no/such/folder")), None);
    }
}
