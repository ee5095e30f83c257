//! What has to be undone before the sidecar of a service is taken away, first step first.
//!
//! Each step breaks something if it is left out: who refuses plaintext refuses the service; what was left of a strict service refuses its
//! callers; callers that retry load a service that no longer sheds; callers that send mTLS are not understood.

use super::super::options::MeshMode;
use super::super::outcome::{RollbackStep, Strict};
use super::Explainer;

impl Explainer<'_> {
    /// The steps back for a service that joins in some wave. Those with a wave are only needed once that wave is through.
    pub(super) fn rollback(&self, number: usize) -> Vec<RollbackStep> {
        let own = self.place(number).wave().unwrap_or(0);
        let mut steps = self.of_callees(number, own);
        if self.may_be_permissive()
            && let Some(from) = self.strict_from(number)
        {
            steps.push(self.permissive(number, from));
        }
        let callers = || {
            let arcs = self.model.incoming[number].iter();
            let callers = arcs.map(|arc| self.model.arcs[*arc].caller);
            callers
                .filter(|caller| *caller != number)
                .filter_map(|caller| {
                    let joined = self.place(caller).wave()?;
                    Some((self.model.ids[caller].clone(), joined.max(own)))
                })
        };
        if self.budget().is_none() {
            let off = |(caller, from)| RollbackStep::RetriesOff { caller, from };
            steps.extend(callers().map(off));
        }
        let plain = |(caller, from)| RollbackStep::PlaintextAgain { caller, from };
        steps.extend(callers().map(plain));
        steps.push(RollbackStep::RemoveLabel);
        steps
    }

    /// What callees would refuse a service without a sidecar.
    fn of_callees(&self, number: usize, own: u32) -> Vec<RollbackStep> {
        let arcs = self.model.outgoing[number].iter();
        let callees = arcs.map(|arc| self.model.arcs[*arc].callee);
        let step = |callee: usize| {
            if self.may_be_permissive() {
                let from = self.strict_from(callee)?;
                Some(self.permissive(callee, from))
            } else {
                let from = self.place(callee).wave()?.max(own);
                let callee = self.model.ids[callee].clone();
                Some(RollbackStep::CalleeFirst { callee, from })
            }
        };
        let others = callees.filter(|callee| *callee != number);
        others.filter_map(step).collect()
    }

    fn may_be_permissive(&self) -> bool {
        self.board.problem.options.mesh_mode == MeshMode::Permissive
    }

    fn strict_from(&self, number: usize) -> Option<u32> {
        match self.strict[number] {
            Strict::Ready { wave, .. } => Some(wave),
            Strict::Never { .. } => None,
        }
    }

    fn permissive(&self, callee: usize, from: u32) -> RollbackStep {
        let callee = self.model.ids[callee].clone();
        RollbackStep::Permissive { callee, from }
    }
}
