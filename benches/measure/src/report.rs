use std::collections::BTreeMap;

use serde::Serialize;

use crate::figures::FIGURES;
use crate::machine::Machine;
use crate::plan::Plan;

/// The version of a report's form as JSON. Fields and figures may be added to it; what is there keeps its name and meaning.
pub const SCHEMA: u32 = 1;

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was measured.
    pub program: Program,
    /// Where.
    pub machine: Machine,
    /// How.
    pub settings: Settings,
    /// Why the figures may mean less than they seem to.
    pub warnings: Vec<String>,
    /// In the order of [`FIGURES`].
    pub figures: Vec<Figure>,
    /// Figures that this machine or this run cannot give.
    pub unavailable: Vec<Unavailable>,
}

/// The program that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// `quittance`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// `release`, or `debug` for one that is not optimized.
    pub build: &'static str,
}

/// How it was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Whether the runs were short ones.
    pub quick: bool,
    /// How often each measurement was repeated.
    pub runs: usize,
    /// How many intents were open while memory was measured.
    pub open: u64,
    /// How many intents had ended when that was measured.
    pub settled: u64,
    /// The names of the measurements that were asked for; all when empty.
    pub only: Vec<&'static str>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// For programs.
    pub name: &'static str,
    /// For people.
    pub what: &'static str,
    /// Of all its numbers.
    pub unit: &'static str,
    /// One a run, in the order in which they were taken.
    pub samples: Vec<f64>,
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// What bounds it.
    pub against: Vec<Against>,
}

/// A figure's floor or ceiling, which is a figure of its own, measured in turns with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Against {
    /// Its name.
    pub name: &'static str,
    /// Its median.
    pub median: f64,
    /// The figure's median divided by this one.
    pub ratio: f64,
}

/// A figure that there is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unavailable {
    /// Its name.
    pub name: &'static str,
    /// Why.
    pub why: String,
}

impl Report {
    pub(crate) fn new(
        plan: &Plan,
        machine: Machine,
        samples: &BTreeMap<&'static str, Vec<f64>>,
        unavailable: Vec<Unavailable>,
    ) -> Self {
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        let mut warnings = Vec::new();
        if cfg!(debug_assertions) {
            warnings.push("this is a debug build: its figures say nothing about the real one".to_owned());
        }
        if machine.is_memory() {
            warnings.push(format!(
                "the directory is on {}, in memory: its syncs cost nothing and say nothing about a disk",
                machine.file_system
            ));
        }
        if plan.quick {
            warnings.push("quick runs are short: their figures are rough".to_owned());
        }
        Self {
            schema: SCHEMA,
            program: Program { name: "quittance", version: env!("CARGO_PKG_VERSION"), build },
            machine,
            settings: Settings {
                quick: plan.quick,
                runs: plan.runs(),
                open: plan.open(),
                settled: plan.settled(),
                only: plan.only.iter().map(|group| group.name()).collect(),
            },
            warnings,
            figures: figures(samples),
            unavailable,
        }
    }
}

fn figures(samples: &BTreeMap<&'static str, Vec<f64>>) -> Vec<Figure> {
    let figure = |definition: &crate::figure::Definition| {
        let samples_of = |name: &str| samples.get(name).filter(|samples| !samples.is_empty());
        let own = samples_of(definition.name)?;
        let median = median(own);
        let against = definition.against.iter().filter_map(|name| {
            let bound = self::median(samples_of(name)?);
            Some(Against { name, median: bound, ratio: median / bound })
        });
        Some(Figure {
            name: definition.name,
            what: definition.what.trim_start(),
            unit: definition.unit,
            samples: own.clone(),
            median,
            min: own.iter().copied().fold(f64::INFINITY, f64::min),
            max: own.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            against: against.collect(),
        })
    };
    FIGURES.iter().filter_map(figure).collect()
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_one_figure_and_every_bound_is_measured_with_what_it_bounds() {
        let names: BTreeSet<_> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), FIGURES.len(), "a program that asks for a name gets one figure");
        for figure in FIGURES {
            for bound in figure.against {
                let found = FIGURES.iter().find(|other| other.name == *bound);
                let bound =
                    found.unwrap_or_else(|| panic!("{} against {bound}, which is nothing", figure.name));
                assert_eq!(
                    (bound.group, bound.unit),
                    (figure.group, figure.unit),
                    "{} against {}: a ratio of two runs, or of two units, means nothing",
                    figure.name,
                    bound.name
                );
            }
        }
    }

    #[test]
    fn one_bad_moment_of_the_machine_is_not_the_figure() {
        for (samples, expected) in
            [(&[3.0][..], 3.0), (&[900.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 1000.0, 2.0], 3.0)]
        {
            assert!((median(samples) - expected).abs() < 1e-9, "{samples:?}");
        }
        let samples = BTreeMap::from([
            ("raw.append.16", vec![200.0, 100.0, 400.0]),
            ("sled.append.16", vec![10.0, 150.0, 100.0]),
        ]);
        let figures = figures(&samples);
        let [raw, sled] = &figures[..] else { panic!("two figures, not {}", figures.len()) };
        assert_eq!((raw.min, raw.median, raw.max, raw.against.len()), (100.0, 200.0, 400.0, 0));
        let ratio = sled.against[0].ratio;
        assert!((ratio - 0.5).abs() < 1e-9, "the ratio of the medians, not {ratio}");
    }
}
