/// What keeps the protocol's promises, each to be switched off by itself: a simulation that does not notice shows nothing.
package struct Guards: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Writes of a holder name the fence of its claim.
    package static let fence = Guards(rawValue: 1 << 0)
    /// Writes of a holder name the recovery point that they are about.
    package static let recoveryPoint = Guards(rawValue: 1 << 1)
    /// Nothing is written to, and nobody claims, what is done.
    package static let notDone = Guards(rawValue: 1 << 2)
    /// A claim looks whether the lease is over.
    package static let leaseOver = Guards(rawValue: 1 << 3)
    /// A claim looks whether the key is due.
    package static let due = Guards(rawValue: 1 << 4)
    /// A completionist's claim passes by what another one is writing.
    package static let skipLocked = Guards(rawValue: 1 << 5)
    /// Whoever waited for a row lock looks at its condition again.
    package static let recheck = Guards(rawValue: 1 << 6)
    /// The reaper takes only what is done.
    package static let reaperDone = Guards(rawValue: 1 << 7)
    /// The reaper takes only what has expired.
    package static let reaperExpiry = Guards(rawValue: 1 << 8)
    /// The foreign system remembers a key for as long as was declared.
    package static let horizon = Guards(rawValue: 1 << 9)
    /// A claim counts an attempt.
    package static let attemptAtClaim = Guards(rawValue: 1 << 10)
    /// A job's id follows from its phase.
    package static let derivedJobID = Guards(rawValue: 1 << 11)
    /// No two requests with one key after the other have fences that meet.
    package static let incarnation = Guards(rawValue: 1 << 12)
    /// A guard that finds no row fails its transaction.
    package static let orFail = Guards(rawValue: 1 << 13)
    /// A renewal takes back nothing that was given back or parked.
    package static let renewal = Guards(rawValue: 1 << 14)
    /// A holder whose lease is over by its own clock calls nobody.
    package static let leaseAtCall = Guards(rawValue: 1 << 15)

    /// A step's commit names the direction that it is on.
    package static let direction = Guards(rawValue: 1 << 16)
    /// Attempts that were counted are not counted back.
    package static let attemptsRise = Guards(rawValue: 1 << 17)

    /// A result that is found committed is another try's unless it says the same.
    package static let ownResult = Guards(rawValue: 1 << 18)

    /// Parking raises the fence.
    package static let parkEndsHold = Guards(rawValue: 1 << 19)

    /// A call that may have happened is settled before the request is rejected or the call degraded.
    package static let doubt = Guards(rawValue: 1 << 20)

    package static let count = 21
    package static let all = Guards(rawValue: 1 << count - 1)

    /// What others cover for, or what is too rare for a test of every day: nothing may show without them.
    ///
    /// A key's `run_at` is never before the end of its lease but where an event arrived, and those are not simulated; a
    /// renewal must arrive late, a zombie wake just where its successor stands, a commit land between a look and a write.
    package static let rare: Guards = [.leaseOver, .incarnation, .renewal, .ownResult, .parkEndsHold]

    package static let names: [(guard: Guards, name: String)] = [
        (.fence, "fence"), (.recoveryPoint, "recovery point"), (.notDone, "NOT done"), (.leaseOver, "lease over"),
        (.due, "due"), (.skipLocked, "SKIP LOCKED"), (.recheck, "condition again after a lock"),
        (.reaperDone, "reaper: done"), (.reaperExpiry, "reaper: expired"), (.horizon, "horizon"),
        (.attemptAtClaim, "attempt at claim"), (.derivedJobID, "derived job id"), (.incarnation, "incarnation"),
        (.orFail, "guard fails its transaction"), (.renewal, "renewal of what was given back"),
        (.leaseAtCall, "lease before a call"), (.direction, "direction"), (.attemptsRise, "attempts rise"),
        (.ownResult, "result found is our own"), (.parkEndsHold, "fence of a parked key"),
        (.doubt, "doubt of a call"),
    ]
}
