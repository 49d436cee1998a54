import PostgresPQ
import Staging
import WaymarkTesting

extension Blows {
    /// Between two kills; for how long a killed process is away.
    private static let killPause = Duration.seconds(1)...Duration.seconds(4)
    private static let killAway = Duration.zero...Duration.seconds(1)
    /// Between two freezes, and their length in leases: beyond the lease, and within what the bank promises.
    private static let freezePause = Duration.seconds(4)...Duration.seconds(12)
    private static let freezeLeases = 1.2...1.75
    /// From one stop of PostgreSQL to the next, as DBOS's chaos tests have it, and for how long it stays away.
    static let postgresPeace = Duration.seconds(5)...Duration.seconds(40)
    private static let postgresAway = Duration.zero...Duration.seconds(2)
    private static let backendPause = Duration.milliseconds(200)...Duration.seconds(2)
    private static let mostBackends = 3
    /// Between two faults of a system's lines, and how long those last that last.
    private static let linePause = Duration.milliseconds(50)...Duration.milliseconds(500)
    private static let lineFault = Duration.milliseconds(100)...Duration.milliseconds(500)

    /// SIGKILL for any process, which then is started again.
    func kill() async throws {
        var random = random(stream: 1)
        let names = stage.cast.names
        while try await pause(random.duration(Self.killPause)) {
            let name = names[Int.random(in: names.indices, using: &random)]
            if try await stage.kill(name) { note { $0.kills[name, default: 0] += 1 } }
            try await Task.sleep(for: random.duration(Self.killAway))
            try await stage.start(name)
        }
    }

    /// SIGSTOP for any process, past its lease, and SIGCONT.
    func freeze() async throws {
        var random = random(stream: 2)
        let names = stage.cast.names
        let lease = Duration.seconds(stage.cast.leaseSeconds)
        while try await pause(random.duration(Self.freezePause)) {
            let name = names[Int.random(in: names.indices, using: &random)]
            let length = lease * Double.random(in: Self.freezeLeases, using: &random)
            guard try await stage.freeze(name) else { continue }
            note { $0.freezes += 1 }
            try await Task.sleep(for: length)
            try await stage.thaw(name)
        }
    }

    /// `-m immediate`, and a start with its recovery.
    func stopPostgres() async throws {
        var random = random(stream: 3)
        var next = ContinuousClock.now + random.duration(peace)
        while try await pause(ContinuousClock.now.duration(to: next)) {
            next = .now + random.duration(peace)
            let away = random.duration(Self.postgresAway)
            try await stage.stopPostgres()
            note { $0.postgresStops += 1 }
            try await Task.sleep(for: away)
            try await stage.startPostgres()
        }
    }

    /// `pg_terminate_backend` for a few of Waymark's sessions.
    func terminateBackends(_ postgres: PostgresClient) async throws {
        var random = random(stream: 4)
        while try await pause(random.duration(Self.backendPause)) {
            let count = Int.random(in: 1...Self.mostBackends, using: &random)
            let position = Double.random(in: 0..<1, using: &random)
            do {
                let terminated = try await postgres.query(
                    """
                    WITH sessions AS (
                        SELECT pid, row_number() OVER (ORDER BY pid) - 1 AS number, count(*) OVER () AS of
                        FROM pg_stat_activity WHERE application_name = 'waymark')
                    SELECT pg_terminate_backend(pid) FROM sessions
                    WHERE number BETWEEN floor(\(position) * of) AND floor(\(position) * of) + \(count) - 1
                    """
                ).count
                note { $0.terminatedBackends += terminated }
            } catch is PostgresError {
                // The server was stopped right now, which is a blow itself.
            }
        }
    }

    /// Faults of the lines to one system.
    func cut(_ system: Network.System, stream: UInt64) async throws {
        var random = random(stream: stream)
        while try await pause(random.duration(Self.linePause)) {
            // One that has something to lose.
            guard
                let line = network.lines(to: system).filter({ $0.proxy.counters.open > 0 }).randomElement(
                    using: &random)
            else { continue }
            LineFault(using: &random).strike(line)
            note { $0.lineFaults += 1 }
            try await Task.sleep(for: random.duration(Self.lineFault))
            line.proxy.clearRules()
        }
    }

    /// Every process, PostgreSQL and every connection at once: what recovers then has to begin with nothing.
    func strikeEverything() async throws {
        try await stage.stopPostgres()
        note { $0.postgresStops += 1 }
        for line in network.lines() { line.proxy.resetAll() }
        for name in stage.cast.names where try await stage.kill(name) { note { $0.kills[name, default: 0] += 1 } }
        try await stage.startPostgres()
        for name in stage.cast.names { try await stage.start(name) }
    }
}
