import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Declarations that are made and changed at random, with a request left at a random place between the two.
@Suite struct DeployPropertyTests {
    private static let deployments = 200

    /// What the gate calls safe comes to its end, and no step is performed twice. What it finds a problem with parks.
    @Test func whatTheGateCallsSafeIsFinished() async throws {
        let given = ProcessInfo.processInfo.environment["WAYMARK_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? .random(in: 0..<1 << 32)
        print("whatTheGateCallsSafeIsFinished: WAYMARK_TEST_SEED=\(seed)")
        try await Fleet.with { fleet in
            var counts: [Verdict: Int] = [:]
            for number in 0..<Self.deployments {
                counts[try await Self.deploy(seed: seed &+ UInt64(number), fleet), default: 0] += 1
                try await fleet.database.client.execute("DELETE FROM waymark.keys")
            }
            print(counts.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: ", "))
            // Otherwise the deployments show little.
            for verdict in [Verdict.safe, .unknown, .problem] { #expect(counts[verdict, default: 0] > 0, "\(verdict)") }
        }
    }

    private enum Verdict: String { case undeclarable, finished, safe, unknown, problem }

    private static func deploy(seed: UInt64, _ fleet: Fleet) async throws -> Verdict {
        var maker = PieceMaker(seed: seed)
        let pieces = maker.pieces(2...4)
        var changed = pieces
        for _ in 0..<Int.random(in: 1...2, using: &maker.random) where !changed.isEmpty {
            changed = maker.changed(changed)
        }
        let stage = Stage(
            stoppingAfter: Int.random(in: 0...6, using: &maker.random),
            way: Track.allCases.randomElement(using: &maker.random) ?? .road)
        let old = AssembledSaga(stage: stage, pieces: pieces, isHasty: .random(using: &maker.random))
        let new = AssembledSaga(stage: stage, pieces: changed, isHasty: true)
        guard (try? SagaRegistry([old])) != nil, (try? SagaRegistry([new])) != nil else { return .undeclarable }
        let first = fleet.runs(old)
        _ = try await first.run(AssembledSaga.self, key: IdempotencyKey("k1"), scope: fleet.scope, request: 7)
        for _ in 0..<4 {
            // Sleeps and waits that are over at once are gone on with by a claim.
            try await fleet.lapse()
            if !old.isHasty { break }
            _ = try await Completionist(first).runOnce()
        }
        guard try await fleet.column("key", of: "NOT done AND parked_reason IS NULL") == ["k1"] else {
            return .finished
        }
        let note = "seed \(seed): \(pieces) became \(changed): \(try await fleet.snapshot())"
        let second = fleet.runs(new)
        let report = try await second.inFlight()
        stage.letGo()
        if !report.unknown.isEmpty {
            try await fleet.lapse()
            #expect(try await Completionist(second).runOnce().claimed == 0, "\(note)")
            return .unknown
        }
        let isParked = try await settle(second, fleet, note)
        #expect(stage.repeated == [], "\(note)")
        if !report.problems.isEmpty {
            // On another way than it went, a request may also go on, with what that way gives.
            let mayGoOn = report.problems.allSatisfy { $0.problem.contains("is on another way") }
            #expect(isParked || mayGoOn, "\(report.problems) in \(note)")
            return .problem
        }
        let error = try await fleet.column("coalesce(last_error, '')")
        #expect(!isParked, "\(error) in \(note)")
        return .safe
    }

    /// Goes on with the key as far as it goes.
    /// - Returns: whether it was parked.
    private static func settle(_ orchestrator: Orchestrator, _ fleet: Fleet, _ note: String) async throws -> Bool {
        for _ in 0..<40 {
            try await fleet.lapse()
            _ = try await Completionist(orchestrator).runOnce()
            if try await fleet.column("key", of: "done OR parked_reason IS NOT NULL") == ["k1"] {
                return try await fleet.column("key", of: "done").isEmpty
            }
        }
        Issue.record("it comes to no end: \(note)")
        return false
    }
}
