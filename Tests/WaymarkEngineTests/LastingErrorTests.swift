import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// What a request's second phase does wrong.
private enum Slip: String, Codable, Sendable, CaseIterable {
    case unique, check, notNull, deferred, division, badValue, noTable, notOneRow
    case largeJob, manyJobs, largeRequest, takenKey

    /// The statement that fails.
    var statement: PostgresQuery? {
        switch self {
        case .unique: "INSERT INTO rooms VALUES (1, 'ann', 0)"
        case .check: "INSERT INTO rooms VALUES (2, 'bob', -1)"
        case .notNull: "INSERT INTO rooms VALUES (2, NULL, 0)"
        case .deferred: "INSERT INTO guests VALUES (77)"
        case .division: "SELECT 1/0"
        case .badValue: "INSERT INTO rooms VALUES (2, 'bob', 1e9::int * 3)"
        case .noTable: "INSERT INTO suites VALUES (1)"
        default: nil
        }
    }

    var reason: ParkedReason {
        switch self {
        case .unique, .check, .notNull, .deferred: .constraintViolated
        case .division, .badValue, .noTable, .notOneRow, .takenKey: .lastingError
        case .largeJob, .manyJobs, .largeRequest: .unstorableOutput
        }
    }

    /// What the key's last error says.
    var word: String {
        switch self {
        case .unique: "rooms_pkey"
        case .check: "rooms_price_check"
        case .notNull: "guest"
        case .deferred: "guests_room_fkey"
        case .division: "22012"
        case .badValue: "22003"
        case .noTable: "suites"
        case .notOneRow: "exactly one row"
        case .largeJob: "job 'ship-it' is "
        case .manyJobs: "\(Limits.jobsPerPhase) jobs at most"
        case .largeRequest: "the request of saga 'rest' is "
        case .takenKey: "the key for saga 'rest' belongs to another request"
        }
    }

    var isForWritesToo: Bool { ![.largeRequest, .takenKey].contains(self) }

    static let tables = """
        CREATE TABLE rooms (id integer PRIMARY KEY, guest text NOT NULL, price integer NOT NULL CHECK (price >= 0));
        INSERT INTO rooms VALUES (1, 'ann', 0);
        CREATE TABLE guests (room integer REFERENCES rooms (id) DEFERRABLE INITIALLY DEFERRED);
        """

    static let large = ShipIt(item: String(repeating: "x", count: Limits.valueBytes), number: 1)
}

private struct Rest: Saga {
    static let name = "rest"
    var body: some Step<String, String> { AtomicPhase("rested") { (what: String, _: Transaction) in what } }
}

/// A phase that asks the database, with the policy that a step has by itself.
private struct Stumble: Saga {
    static let name = "stumble"

    var body: some Step<Slip, Slip> {
        AtomicPhase("entered") { (slip: Slip, _: Transaction) in slip }
        AtomicPhase("stumbled", stumble)
    }

    func stumble(_ slip: Slip, _ tx: Transaction) async throws -> Slip {
        if let statement = slip.statement { try await tx.execute(statement) }
        switch slip {
        case .notOneRow: throw PostgresError(.unexpectedRowCount, "not exactly one row")
        case .largeJob: try tx.stage(Slip.large)
        case .manyJobs: for number in 0...Limits.jobsPerPhase { try tx.stage(ShipIt(item: "", number: number)) }
        case .largeRequest: try await tx.start(Rest.self, key: IdempotencyKey("rest"), request: Slip.large.item)
        case .takenKey: try await tx.start(Rest.self, key: IdempotencyKey("taken"), request: "mine")
        default: break
        }
        return slip
    }
}

/// The same, only writing.
private struct StumbleWriting: Saga {
    static let name = "stumble-writing"

    var body: some Step<Slip, Slip> {
        AtomicPhase("entered") { (slip: Slip, _: inout Writes) in slip }
        AtomicPhase("stumbled", stumble)
    }

    func stumble(_ slip: Slip, _ writes: inout Writes) throws -> Slip {
        if let statement = slip.statement { writes.execute(statement) }
        switch slip {
        case .notOneRow: writes.execute(each: "DELETE FROM rooms USING \(row: 99) AS r (id) WHERE rooms.id = r.id")
        case .largeJob: try writes.stage(Slip.large)
        case .manyJobs: for number in 0...Limits.jobsPerPhase { try writes.stage(ShipIt(item: "", number: number)) }
        default: break
        }
        return slip
    }
}

/// Is rejected, and cannot undo what it did.
private struct Regret: Saga {
    static let name = "regret"

    var body: some Step<Slip, Slip> {
        AtomicPhase("entered") { (slip: Slip, _: inout Writes) in slip }
            .compensate { (slip: Slip, writes: inout Writes) in
                if let statement = slip.statement { writes.execute(statement) }
            }
        AtomicPhase("refused") { (_: Slip, _: Transaction) -> Slip in
            throw Rejection(status: 409, type: "no", title: "No.")
        }
    }
}

/// One guest at a time: the room is another's until that one leaves.
private struct BookRoom: Saga {
    static let name = "book-room"

    var body: some Step<String, String> {
        AtomicPhase("booked") { (guest: String, writes: inout Writes) in
            writes.execute("INSERT INTO rooms VALUES (1, \(guest), 0)")
            return guest
        }
        .retry(.fixed(attempts: 100_000, every: .milliseconds(5)), onViolationOf: "rooms_pkey")
    }
}

/// A room that is gone is an answer.
private struct AskForRoom: Saga {
    static let name = "ask-for-room"

    var body: some Step<String, String> {
        AtomicPhase("booked") { (guest: String, writes: inout Writes) in
            writes.execute("INSERT INTO rooms VALUES (1, \(guest), 0)")
            return guest
        }
        .rejectWhenExhausted(status: 409, type: "taken", title: "The room is taken.")
    }
}

/// Errors that no attempt mends, in phases.
@Suite struct LastingErrorTests {
    private static func with(_ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await World.with({ _ in
            [Stumble(), StumbleWriting(), Regret(), Rest(), BookRoom(), AskForRoom()]
        }) { world async throws in
            try await world.database.client.executeScript(Slip.tables)
            _ = try await world.run(Rest.self, "another's", key: "taken")
            try await body(world)
        }
    }

    private static func told(_ world: World) async throws -> (String, Int) {
        let rows = try await world.database.client.query(
            "SELECT coalesce(last_error, ''), attempts FROM waymark.keys WHERE saga <> 'rest'")
        return try #require(rows.first).decode((String, Int).self)
    }

    @Test(arguments: Slip.allCases)
    fileprivate func anErrorThatNoAttemptMendsWasRetriedAHundredTimes(slip: Slip) async throws {
        try await Self.with { world async throws in
            #expect(try await world.run(Stumble.self, slip).parkedReason == slip.reason)
            let (error, attempts) = try await Self.told(world)
            #expect(error.contains(slip.word), "\(error)")
            #expect(attempts == 1)
            #expect(try await world.point() == "entered")
        }
    }

    @Test(arguments: Slip.allCases.filter(\.isForWritesToo))
    fileprivate func anErrorThatNoAttemptMendsWasRetriedInASharedTransaction(slip: Slip) async throws {
        try await Self.with { world async throws in
            #expect(try await world.run(StumbleWriting.self, slip).parkedReason == slip.reason)
            let (error, attempts) = try await Self.told(world)
            #expect(error.contains(slip.word), "\(error)")
            #expect(attempts == 1)
        }
    }

    @Test func aCompensationThatNoAttemptMendsWasRetriedAHundredTimes() async throws {
        try await Self.with { world async throws in
            #expect(try await world.run(Regret.self, .unique).parkedReason == .constraintViolated)
            let (error, attempts) = try await Self.told(world)
            #expect(error.contains("rooms_pkey"))
            #expect(attempts == 1)
        }
    }

    /// Where a row of another request is in the way, and will go, the step says so by the constraint's name.
    @Test func anExclusionByConstraintIsTriedAgainWhereTheStepNamesIt() async throws {
        try await Self.with { world async throws in
            let booking = Task { try await world.run(BookRoom.self, "bob") }
            try await eventually("it is tried more than once") {
                let attempts = try await world.database.client.query(
                    "SELECT attempts FROM waymark.keys WHERE saga = 'book-room'"
                ).decode(Int.self)
                return attempts.first ?? 0 > 2
            }
            try await world.database.client.execute("DELETE FROM rooms WHERE guest = 'ann'")
            #expect(try await booking.value.response == "bob")
        }
    }

    @Test func aViolationIsRejectedAtOnceWhereTheStepRejects() async throws {
        try await Self.with { world async throws in
            #expect(try await world.run(AskForRoom.self, "bob").rejection?.status == 409)
        }
    }

    /// The classes that pass are tried again as ever.
    @Test(arguments: ["40001", "40P01", "55P03", "57014", "53100", "08006", "P0001", "25006", "0A000", "42P05"])
    func whatMayPassIsTriedAgain(state: String) {
        let error = PostgresError(.server, "", sqlState: SQLState(rawValue: state))
        #expect(RetryPolicy.mayMend(error))
        #expect(RetryPolicy.mayMend(PostgresTransactionError(stage: .commit, error: error)))
        #expect(RetryPolicy.mayMend(TransientError("down")))
    }
}
