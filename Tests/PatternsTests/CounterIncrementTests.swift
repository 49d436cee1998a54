import Foundation
import HTTPTypes
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import Patterns

@Suite struct CounterIncrementTests {
    private let member = UUID()

    @Test func countsHereAndThere() async throws {
        try await withMember { world in
            #expect(try await world.run(saga(world), earned).response?.balance == 5)
            #expect(try await world.run(saga(world), earned, key: "k2").response?.balance == 10)
            #expect(try await world.run(saga(world), earned, key: "k2").isReplay)
            try await expect(points: 10, in: world)
        }
    }

    @Test(arguments: Interruption.allCases) func aRepeatIsTheSameEntry(_ interruption: Interruption) async throws {
        try await withMember { world in
            let outcome = try await world.run(saga(world), earned, interruption, at: .put)
            #expect(outcome.response?.balance == 5)
            #expect(world.system.answers == ["PUT 201", "PUT 200"])
            try await expect(points: 5, in: world)
        }
    }

    @Test(arguments: [true, false]) func aLostCommitCountsOnce(isCommitted: Bool) async throws {
        try await withMember { world in
            let outcome = try await world.run(saga(world), earned, isCommitted: isCommitted)
            #expect(outcome.response?.balance == 5)
            try await expect(points: 5, in: world)
        }
    }

    @Test func countsManyAtOnce() async throws {
        try await withMember { world in
            let balances = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 1...8 {
                    group.addTask { try await world.run(saga(world), earned, key: "k\(number)").response?.balance }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(balances == Set((1...8).map { $0 * 5 }), "each its own")
            try await expect(points: 40, in: world)
        }
    }

    @Test func refusesAMemberThatIsNotThere() async throws {
        try await World.with(AddPoints.schema) { world in
            let outcome = try await world.run(saga(world), earned)
            #expect(outcome.rejection?.status == 404)
            #expect(world.system.contents.counters.isEmpty)
        }
    }

    private var earned: EarnedPoints { EarnedPoints(member: member, points: 5) }

    private func withMember(_ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await World.with(AddPoints.schema) { world in
            try await world.database.client.execute("INSERT INTO patterns.members (id) VALUES (\(member))")
            try await body(world)
        }
    }

    private func saga(_ world: World) -> AddPoints {
        AddPoints(partner: HTTPCounters(service: world.service))
    }

    private func expect(points: Int, in world: World) async throws {
        #expect(try await world.value("SELECT points FROM patterns.members", as: Int.self) == points)
        let entries = world.system.contents.counters[member.uuidString] ?? [:]
        #expect(entries.values.reduce(0, +) == points)
    }
}
