//! A registry that is away, or speaks for itself.

use crate::rig::Rig;
use govcarpeta_simulator::Behaviour;

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// It answers 503.
    Away,
    /// It answers every question with an HTML page and the status 200.
    MaintenancePage,
}

impl Action {
    pub(super) fn begin(self, rig: &mut Rig) {
        match self {
            Self::Away => rig.pipeline.simulator.set_down(true),
            Self::MaintenancePage => rig.pipeline.simulator.answer_all(Some(Behaviour::html(200))),
        }
    }

    pub(super) fn end(self, rig: &mut Rig) {
        match self {
            Self::Away => rig.pipeline.simulator.set_down(false),
            Self::MaintenancePage => rig.pipeline.simulator.answer_all(None),
        }
    }
}
