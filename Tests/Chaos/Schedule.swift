/// How long each part of a run takes, and what it must have reached by then.
struct Schedule: Sendable {
    /// What a run must reach in so many minutes, and in others its share of it: a run in which nothing could happen proves
    /// nothing.
    struct Reach: Sendable, Equatable {
        static let minutes = 10.0
        static let full = Reach(sagas: 20_000, kills: 100, postgresStops: 20, cuts: 500)

        var sagas: Int
        var kills: Int
        var postgresStops: Int
        var cuts: Int

        /// What of this was not reached, each in a sentence.
        func missing(from reached: Reach) -> [String] {
            let counts = [
                ("sagas", reached.sagas, sagas), ("kills", reached.kills, kills),
                ("postgres stops", reached.postgresStops, postgresStops), ("cut connections", reached.cuts, cuts),
            ]
            return counts.filter { $0.1 < $0.2 }.map { name, count, bound in
                "under-reached: \(count) \(name), and only \(bound) make the run worth its name"
            }
        }
    }

    /// For connections to be made and statements to be prepared.
    static let warmUp = Duration.seconds(1)
    /// What everybody who asked may take to have the answer, and everything begun to be over: more than a lease, a drain's
    /// lease, and the time in which the bank may still carry out an order.
    static let patience = Duration.seconds(60)

    /// How long everything is struck.
    let chaos: Duration
    /// How long the undisturbed pace is measured before, and the pace afterwards.
    let calm: Duration
    /// How long the pace may take to be the old one after the last blow.
    let recoveryLimit: Duration
    let reach: Reach

    /// - Parameter leastSagas: the fewest that count as a run; the share of a full one unless given.
    init(minutes: Double, recoverySeconds: Double, leastSagas: Int? = nil) {
        chaos = .seconds(60 * minutes)
        // A tenth of the chaos, but enough to count by, and not for ever.
        calm = .seconds(min(max(6 * minutes, 2), 30))
        recoveryLimit = .seconds(recoverySeconds)
        let share = minutes / Reach.minutes
        let of = { (full: Int) in max(1, Int(Double(full) * share)) }
        let full = Reach.full
        reach = Reach(
            sagas: leastSagas ?? of(full.sagas), kills: of(full.kills), postgresStops: of(full.postgresStops),
            cuts: of(full.cuts))
    }
}
