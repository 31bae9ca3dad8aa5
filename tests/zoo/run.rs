//! All of them at once, and the hungry ones alone.

use crate::authority::Authority;
use crate::h2;
use crate::measure::{forget_peak, open_files, peak_memory, settles, tasks};
use crate::modes::{self, Mode, Site};
use crate::receiver::{Receiver, Reply};
use crate::world::{Setting, World};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidings::store::queue::AttemptRecord;
use tidings_core::limits::{ANSWER_BYTES, ATTEMPT_DEADLINE, KEPT_ANSWER};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// Attempts under way at once.
pub const AT_ONCE: usize = 200;
/// What is still within the deadline.
const LATEST: Duration = Duration::from_millis(ATTEMPT_DEADLINE.as_millis() as u64 + 1_000);
/// Files and tasks may differ by so many.
const SLACK: usize = 5;
/// What 200 hungry ones may take.
const MEMORY: u64 = 32 << 20;

/// What the other ends of their connections take where there is TLS: they are in this process, too.
const OTHER_ENDS: u64 = AT_ONCE as u64 * (64 << 10);

/// The measurements are of the whole process.
pub static ALONE: Mutex<()> = Mutex::new(());

/// How many times each is met.
fn rounds() -> usize {
    match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => 200,
        _ => 20,
    }
}

pub fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap()
}

/// What became of the attempts at one kind.
#[derive(Default)]
struct Met {
    classes: BTreeMap<String, usize>,
    longest: Duration,
    most_kept: usize,
    detail: String,
    wrong: Vec<String>,
}

impl Met {
    fn take(&mut self, mode: &Mode, record: &AttemptRecord, took: Duration) {
        let class = match record.outcome.status() {
            Some(status) => status.to_string(),
            None => record.outcome.class().to_owned(),
        };
        *self.classes.entry(class.clone()).or_default() += 1;
        self.longest = self.longest.max(took);
        let answer = &record.answer;
        let kept = answer.headers.len() + answer.body.len() + record.detail.len();
        self.most_kept = self.most_kept.max(kept);
        self.detail.clone_from(&record.detail);
        // One read beyond what we take.
        let read = answer.body_bytes <= 2 * ANSWER_BYTES as u64;
        let right = mode.wanted.contains(&record.outcome) && kept <= KEPT_ANSWER && read;
        if !right || took > LATEST {
            self.wrong.push(format!(
                "{}: {class} after {took:?}, {kept} bytes kept: {}",
                mode.name, record.detail
            ));
        }
    }

    fn show(&self, mode: &Mode) {
        println!(
            "{:<42} {:?} in {:.2} s at most, {} bytes kept at most; {}",
            mode.name,
            self.classes,
            self.longest.as_secs_f64(),
            self.most_kept,
            self.detail
        );
    }
}

/// A sender, and sites it is to meet, each in its runtime.
pub struct Zoo {
    pub sender: Runtime,
    pub world: Arc<World>,
    sites: Runtime,
    pub open: Vec<(Mode, Site)>,
    files_before: usize,
}

impl Zoo {
    pub fn open(authority: &Authority, modes: Vec<Mode>) -> Self {
        let (sender, sites) = (runtime(2), runtime(1));
        let world = sender.block_on(async {
            Arc::new(World::with(Setting {
                extra_ca: vec![authority.certificate()],
                ..Setting::default()
            }))
        });
        let files_before = open_files();
        let open = sites.block_on(async {
            let mut open = Vec::new();
            for mode in modes {
                let site = mode.open(authority).await;
                open.push((mode, site));
            }
            open
        });
        Self {
            sender,
            world,
            sites,
            open,
            files_before,
        }
    }

    /// Meets every site so many times, so many at once; each in turn.
    fn meet(&self, rounds: usize) -> Vec<Met> {
        let free = Arc::new(Semaphore::new(AT_ONCE));
        let urls: Vec<String> = self.open.iter().map(|(_, site)| site.url.clone()).collect();
        let world = Arc::clone(&self.world);
        let handle = self.sender.handle().clone();
        let attempts = self.sender.block_on(async {
            let mut under_way = tokio::task::JoinSet::new();
            for _ in 0..rounds {
                for (place, url) in urls.iter().enumerate() {
                    let permit = Arc::clone(&free).acquire_owned().await.unwrap();
                    let (world, url) = (Arc::clone(&world), url.clone());
                    under_way.spawn_on(
                        async move {
                            let begun = Instant::now();
                            let record = world.send(&url).await;
                            drop(permit);
                            (place, record, begun.elapsed())
                        },
                        &handle,
                    );
                }
            }
            under_way.join_all().await
        });
        let mut met: Vec<Met> = self.open.iter().map(|_| Met::default()).collect();
        for (place, record, took) in attempts {
            met[place].take(&self.open[place].0, &record, took);
        }
        met
    }

    /// That nothing is left: of tasks while the receivers live, of files when they are gone.
    pub fn close(self) {
        let left = settles(SLACK, || tasks(self.sender.handle()));
        assert!(left <= SLACK, "{left} tasks of the sender are left");
        drop(self.open);
        self.sites.shutdown_background();
        let most = self.files_before + SLACK;
        let files = settles(most, open_files);
        assert!(
            files <= most,
            "{files} files are open; {} were before",
            self.files_before
        );
        println!(
            "left: {left} tasks, {files} files (before: {})",
            self.files_before
        );
    }
}

#[track_caller]
fn check(zoo: &Zoo, met: &[Met]) {
    let mut wrong = Vec::new();
    for ((mode, _), met) in zoo.open.iter().zip(met) {
        met.show(mode);
        wrong.extend(met.wrong.iter().take(3).cloned());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

pub fn all(authority: &Authority, elsewhere: &str) -> Vec<Mode> {
    let mut modes = modes::plain(elsewhere);
    modes.extend(modes::secure(authority));
    modes.extend(h2::modes());
    modes
}

#[test]
fn s15_every_bad_receiver_has_its_class_and_ends_in_time_and_leaves_nothing() {
    let _alone = ALONE.lock();
    let authority = Authority::new("Zoo");
    let watching = runtime(1);
    let witness = watching.block_on(Receiver::start(|_| Reply::status(200)));
    let zoo = Zoo::open(&authority, all(&authority, &witness.url("/")));
    let begun = Instant::now();
    let met = zoo.meet(rounds());
    println!(
        "{} kinds × {} in {:?}",
        met.len(),
        rounds(),
        begun.elapsed()
    );
    check(&zoo, &met);
    assert_eq!(witness.seen().opened, 0, "a redirect was followed");
    zoo.close();
}

#[test]
fn s15_two_hundred_hungry_receivers_at_once_take_at_most_32_mib() {
    let _alone = ALONE.lock();
    let authority = Authority::new("Zoo");
    for mode in all(&authority, "http://localhost/") {
        if !mode.is_hungry {
            continue;
        }
        let zoo = Zoo::open(&authority, vec![mode]);
        // The first ones pay for what is made once.
        zoo.meet(20);
        forget_peak();
        let before = peak_memory();
        let met = zoo.meet(AT_ONCE);
        let taken = peak_memory().saturating_sub(before);
        check(&zoo, &met);
        println!("    {:.1} MiB", taken as f64 / f64::from(1 << 20));
        let is_secure = zoo.open[0].1.url.starts_with("https");
        let most = MEMORY + if is_secure { OTHER_ENDS } else { 0 };
        assert!(taken <= most, "{}: {taken} bytes", zoo.open[0].0.name);
        zoo.close();
    }
}
