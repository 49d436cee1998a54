import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

private enum Size: String, Codable, Sendable, CaseIterable {
    case small, big
}

private struct Item: Codable, Sendable, Equatable {
    let name: String
    let size: Size
}

/// Calls one system for small items, another for big ones.
private struct Sort: Saga {
    static let name = "sort"
    let ledger: Ledger

    var body: some Step<[Item], [String]> {
        ForEach("sorted", over: elements, concurrency: 2, join: { (_: [Item], names: [String]) in names }) {
            Choose("sized", by: \Item.size) { size in
                switch size {
                case .small: ForeignCall("small_done", .keyed(horizon: .hours(1)), call)
                case .big: ForeignCall("big_done", .keyed(horizon: .hours(1)), call)
                }
            }
        }
    }

    /// A later edition of the code would find none.
    @Sendable func elements(_ items: [Item]) -> [Item] { ledger.effects("edition").isEmpty ? items : [] }

    func call(_ item: Item, _ call: Call) async throws -> String {
        try ledger.call(item.size.rawValue, key: call.idempotencyKey, item.name)
        return item.name
    }
}

/// Sleeps while the branch beside it is refused.
private struct Doze: Saga {
    static let name = "doze"

    var body: some Step<Int, Int> {
        Parallel("both", join: { (a: Int, _: Int) in a }) {
            Branch {
                AtomicPhase("tired") { (n: Int, _: Transaction) in n }
                Sleep("rested", for: .days(3))
            }
            ForeignCall("asked", .natural) { (_: Int, _: Call) async throws -> Int in
                throw Rejection(status: 409, type: "no", title: "No.")
            }
        }
    }
}

/// Calls for one element after the other.
private struct CallEach: Saga {
    static let name = "call-each"
    let ledger: Ledger

    var body: some Step<[String], [String]> {
        ForEach("all_called", over: { $0 }, concurrency: 2, join: { (_: [String], names: [String]) in names }) {
            ForeignCall("called", .keyed(horizon: .hours(1))) { (name: String, call: Call) in
                try ledger.call("call", key: call.idempotencyKey, name)
                return name
            }
            .compensate { (name: String, call: Call) in try ledger.call("undo", key: call.idempotencyKey, name) }
        }
    }
}

/// What is on record of a branch counts, whoever goes on with it.
@Suite struct BranchGuardTests {
    /// The first element was refused, and its process died. Of those that recorded nothing only as many as are worked on at
    /// once may have been begun: they are brought to an end and undone, and no other is begun.
    @Test func noElementBeginsThatCannotHaveBegunBeforeTheRejection() async throws {
        try await World.with({ [CallEach(ledger: $0)] }) { world async throws in
            for _ in 1...5 { world.ledger.fail("call", with: TransientError("busy", retryAfter: .minutes(5))) }
            _ = try await world.run(CallEach.self, ["a", "b", "c", "d", "e"])
            try await world.database.client.execute(
                """
                UPDATE waymark.keys SET run_at = now(), branches = (
                    SELECT jsonb_object_agg(n, '{"point": "started", "attempts": 1}'::jsonb
                        || CASE n WHEN 0 THEN '{"rejected": {"status": 409, "body": "{}"}}' ELSE '{}' END::jsonb)
                    FROM generate_series(0, 4) AS n)
                """)
            #expect(try await Completionist(world.orchestrator()).runOnce().finished == 1)
            #expect(try await world.run(CallEach.self, ["a", "b", "c", "d", "e"]).rejection?.status == 409)
            #expect(world.ledger.effects("call").sorted() == ["b", "c"])
            #expect(world.ledger.effects("undo").sorted() == ["b", "c"])
        }
    }

    private static let items = [Item(name: "a", size: .small), Item(name: "b", size: .big)]

    @Test func elementsAndWaysAreThoseOnRecord() async throws {
        try await Self.whileBothWait { world async throws in
            try world.ledger.act("edition", "2")
            try await world.settle()
            #expect(try await world.run(Sort.self, Self.items).response == ["a", "b"])
            #expect(world.ledger.effects("small") == ["a"])
            #expect(world.ledger.effects("big") == ["b"])
        }
    }

    @Test func aBackoffIsKeptThoughTheKeyIsTakenEarly() async throws {
        try await Self.whileBothWait { world async throws in
            try await world.change("run_at = now()")
            let round = try await Completionist(world.orchestrator()).runOnce()
            #expect(round == Completionist.Round(claimed: 1, released: 1))
            #expect(world.ledger.effects("small") + world.ledger.effects("big") == [])
        }
    }

    @Test func aHorizonCountsFromTheBranchsPoint() async throws {
        try await Self.whileBothWait { world async throws in
            let past = "jsonb_set(branches, '{0,since}', to_jsonb(extract(epoch FROM now() - interval '2 hours')))"
            try await world.change("run_at = now(), branches = jsonb_set(\(past), '{0,due}', '0')")
            #expect(try await Completionist(world.orchestrator()).runOnce().parked == 1)
            #expect(try await world.run(Sort.self, Self.items).parkedReason == .horizonPassed)
            #expect(world.ledger.effects("small") == [])
        }
    }

    /// The process died between parking the branch and parking the key.
    @Test func aParkedBranchStaysParked() async throws {
        try await Self.whileBothWait { world async throws in
            let parked = #"'{"parked": "outcome_unknown", "due": 0}'"#
            try await world.change(
                "run_at = now(), branches = jsonb_set(branches, '{0}', branches -> '0' || \(parked))")
            #expect(try await Completionist(world.orchestrator()).runOnce().parked == 1)
            #expect(try await world.run(Sort.self, Self.items).parkedReason == .outcomeUnknown)
            #expect(world.ledger.effects("small") == [])
        }
    }

    /// The process died between rejecting the branch and rejecting the key; the branch beside it had not begun.
    @Test func aRejectedBranchStaysRejectedAndNoneBegins() async throws {
        try await Self.whileBothWait { world async throws in
            let rejected = #"'{"rejected": {"status": 409, "body": "{}"}, "due": 0}'"#
            try await world.change(
                """
                run_at = now(), journal = jsonb_path_query_array(journal, '$[*] ? (@.step != "sized[1]")'),
                branches = jsonb_build_object('0', branches -> '0' || \(rejected), '1',
                    '{"point": "started", "attempts": 1, "since": 0}'::jsonb)
                """)
            #expect(try await Completionist(world.orchestrator()).runOnce().finished == 1)
            #expect(try await world.run(Sort.self, Self.items).rejection?.status == 409)
            #expect(world.ledger.effects("small") + world.ledger.effects("big") == [])
            #expect(try await !world.journal().contains("sized[1]"))
        }
    }

    @Test func whoOnlySleepsDoesNotHoldUpTheWayBack() async throws {
        try await World.with({ _ in [Doze()] }) { world async throws in
            #expect(try await world.run(Doze.self, 1).rejection?.status == 409)
        }
    }

    /// Each element has gone its way, and waits for ten minutes to call again.
    private static func whileBothWait(_ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await World.with({ [Sort(ledger: $0)] }) { world async throws in
            for size in Size.allCases {
                world.ledger.fail(size.rawValue, with: TransientError("busy", retryAfter: .minutes(10)))
            }
            #expect(try await world.run(Sort.self, items).progress?.recoveryPoint == "sorted:begun")
            try await body(world)
        }
    }
}

extension World {
    fileprivate func change(_ assignments: String) async throws {
        try await database.client.execute("UPDATE waymark.keys SET \(unescaped: assignments)")
    }
}
