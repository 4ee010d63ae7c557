//! What is taken of a budget, and who of those that wait comes next. Pure.
//!
//! Whatever is taken, somebody can go on: a run with several images must not wait for itself.

use super::cost::Cost;

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) cost: Cost,
    /// How many machines it is for.
    pub(super) machines: u32,
    /// While no other machine runs.
    pub(super) alone: bool,
}

/// What there is, and what is taken of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ledger {
    total: Cost,
    most: u32,
    taken: Cost,
    machines: u32,
    /// Whether the one machine that runs keeps others away.
    alone: bool,
    /// MiB of templates.
    held_mib: u32,
}

impl Ledger {
    pub(super) fn new(total: Cost, most: u32) -> Self {
        let nothing = Cost { centicores: 0, memory_mib: 0 };
        Self { total, most, taken: nothing, machines: 0, alone: false, held_mib: 0 }
    }

    pub(super) fn emptied(&self) -> Self {
        Self::new(self.total, self.most)
    }

    pub(super) fn side_by_side(&self, cost: Cost) -> u32 {
        let cores = self.total.centicores / cost.centicores.max(1);
        let memory = self.total.memory_mib / cost.memory_mib.max(1);
        cores.min(memory).min(self.most).max(1)
    }

    /// Which of those that wait may go on, if one may: the first, but for those that only templates leave no memory
    /// for. They go on when templates go, or when nothing runs and nobody else can: templates go only when
    /// those go on that need them.
    pub(super) fn next(&self, waiting: &[Request]) -> Option<usize> {
        if self.alone {
            return None;
        }
        for (at, request) in waiting.iter().enumerate() {
            if self.fits(request, self.taken, self.machines) {
                return Some(at);
            }
            // It waits for machines to end, and nobody overtakes it.
            if self.fits(request, Cost { centicores: 0, memory_mib: 0 }, 0) {
                return None;
            }
        }
        (self.machines == 0 && !waiting.is_empty()).then_some(0)
    }

    /// Whether it fits next to so many machines that take so much.
    fn fits(&self, request: &Request, taken: Cost, machines: u32) -> bool {
        let (total, cost) = (self.total, self.clamped(request.cost));
        let memory = u64::from(taken.memory_mib) + u64::from(self.held_mib) + u64::from(cost.memory_mib);
        machines + self.counted(request) <= self.most
            && (!request.alone || machines == 0)
            && taken.centicores + cost.centicores <= total.centicores
            && memory <= u64::from(total.memory_mib)
    }

    /// How many machines are counted of a set that may be larger than what may run at a time.
    fn counted(&self, request: &Request) -> u32 {
        request.machines.clamp(1, self.most)
    }

    /// What is counted of a machine that may be larger than all there is.
    fn clamped(&self, cost: Cost) -> Cost {
        Cost {
            centicores: cost.centicores.clamp(1, self.total.centicores),
            memory_mib: cost.memory_mib.clamp(1, self.total.memory_mib),
        }
    }

    pub(super) fn take(&mut self, request: Request) {
        let cost = self.clamped(request.cost);
        self.taken.centicores += cost.centicores;
        self.taken.memory_mib += cost.memory_mib;
        self.machines += self.counted(&request);
        self.alone |= request.alone;
    }

    pub(super) fn give_back(&mut self, request: Request) {
        let cost = self.clamped(request.cost);
        self.taken.centicores -= cost.centicores;
        self.taken.memory_mib -= cost.memory_mib;
        self.machines -= self.counted(&request);
        self.alone &= !request.alone;
    }

    pub(super) fn share(&mut self) {
        self.alone = false;
    }

    pub(super) fn hold(&mut self, mib: u32) {
        self.held_mib = self.held_mib.saturating_add(mib);
    }

    pub(super) fn let_go(&mut self, mib: u32) {
        self.held_mib = self.held_mib.saturating_sub(mib);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(centicores: u32, memory_mib: u32) -> Request {
        Request { cost: Cost { centicores, memory_mib }, machines: 1, alone: false }
    }

    fn ledger() -> Ledger {
        Ledger::new(Cost { centicores: 400, memory_mib: 4000 }, 400)
    }

    #[test]
    fn a_large_machine_is_not_overtaken_for_ever() {
        let mut ledger = ledger();
        ledger.take(want(100, 1000));
        assert_eq!(ledger.next(&[want(400, 1000), want(100, 1000)]), None);
        ledger.give_back(want(100, 1000));
        assert_eq!(ledger.next(&[want(400, 1000), want(100, 1000)]), Some(0));
    }

    #[test]
    fn whom_a_template_of_another_image_leaves_no_memory_for_is_overtaken_by_those_that_will_let_it_go() {
        let mut ledger = ledger();
        ledger.hold(2000);
        let (large, small) = (want(100, 3000), want(100, 1000));
        let alone = Request { alone: true, ..large };
        assert_eq!(ledger.next(&[large, small]), Some(1));
        assert_eq!(ledger.next(&[alone, small]), Some(1));
        ledger.take(small);
        assert_eq!(ledger.next(&[large]), None);
        ledger.give_back(small);
        // Nobody else is there who would let it go.
        assert_eq!(ledger.next(&[large]), Some(0));
        ledger.let_go(2000);
        assert_eq!(ledger.next(&[large, small]), Some(0));
    }

    /// Images of all sizes, each of which needs a template's memory and then machines, some of them alone: whatever
    /// the order in which they end, all of them end, and what is taken never exceeds what there is but for one machine.
    #[test]
    fn whatever_waits_ends() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % u64::from(below)) as u32
        };
        for _ in 0..500 {
            let mut ledger = Ledger::new(Cost { centicores: 200, memory_mib: 2000 }, 1 + random(4));
            // Of each image: the machines that it still needs, one after the other, and what its template holds.
            let mut images: Vec<(Vec<Request>, u32)> = (0..1 + random(5))
                .map(|_| {
                    let machine = |random: &mut dyn FnMut(u32) -> u32| Request {
                        cost: Cost { centicores: 1 + random(300), memory_mib: 1 + random(2500) },
                        machines: 1 + random(3),
                        alone: random(4) == 0,
                    };
                    ((0..1 + random(4)).map(|_| machine(&mut random)).collect(), random(1500))
                })
                .collect();
            let mut waiting: Vec<usize> = (0..images.len()).collect();
            let mut running: Vec<usize> = Vec::new();
            let mut holding: Vec<usize> = Vec::new();
            let mut steps = 0;
            while !(waiting.is_empty() && running.is_empty()) {
                steps += 1;
                assert!(steps < 1000, "it goes on for ever");
                let requests: Vec<Request> = waiting.iter().map(|image| images[*image].0[0]).collect();
                match ledger.next(&requests) {
                    Some(at) => {
                        let image = waiting.remove(at);
                        ledger.take(images[image].0[0]);
                        running.push(image);
                        assert!(ledger.machines <= ledger.most && ledger.taken.centicores <= ledger.total.centicores);
                        let memory = ledger.taken.memory_mib + ledger.held_mib;
                        assert!(memory <= ledger.total.memory_mib || running.len() == 1);
                        assert!(!ledger.alone || running.len() == 1);
                    }
                    None => {
                        assert!(!running.is_empty(), "everybody waits: {requests:?} of {ledger:?}");
                        let image = running.swap_remove(random(running.len() as u32) as usize);
                        if !holding.contains(&image) {
                            ledger.hold(images[image].1);
                            holding.push(image);
                        }
                        ledger.give_back(images[image].0.remove(0));
                        match images[image].0.is_empty() {
                            true => ledger.let_go(images[image].1),
                            false => waiting.push(image),
                        }
                    }
                }
            }
            assert_eq!(ledger, ledger.emptied());
        }
    }
}
