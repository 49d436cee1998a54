import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Operators' verbs on keys that are inside a group.
@Suite struct OperatorBranchTests {
    private static let receipt = #"{"charge":"by hand","item":"book"}"#

    @Test func branchesAreResolvedOneByOne() async throws {
        try await Desk.with { desk async throws in
            for step in ["labelled", "picked_up"] { desk.script.fail(step, with: TransientError("silence")) }
            #expect(try await desk.run(Dispatch.self, Order(item: "book")).parkedReason == .outcomeUnknown)
            let both = try await desk.seen()
            try await desk.refuses(.refused, saying: "labelled, picked_up") {
                try await desk.keys.resolve(both, as: .didNotHappen, reason: "r")
            }
            try await desk.refuses(.refused, saying: "resolve") { try await desk.keys.retry(both, reason: "r") }
            let entry = try await desk.keys.resolve(
                both, as: .happened(output: Self.receipt), step: "labelled", reason: "r")
            #expect(entry.before.branches["labelled"]?.parked == "outcome_unknown")
            #expect(entry.after?.branches["labelled"]?.parked == nil)
            #expect(entry.after?.branches["labelled"]?.point == "finished")
            #expect(try await desk.complete().parked == 1, "the other one still needs a person")
            try await desk.keys.resolve(desk.seen(), as: .didNotHappen, reason: "r")
            #expect(try await desk.complete().finished == 1)
            let answer = try await desk.run(Dispatch.self, Order(item: "book")).response
            #expect(answer?.map(\.charge) == ["by hand", "picked_up"])
            #expect(desk.script.calls(of: "labelled").count == 1)
            #expect(desk.script.calls(of: "picked_up").count == 2)
        }
    }

    @Test func anElementIsNamedByItsNumber() async throws {
        try await Desk.with { desk async throws in
            for item in ["b", "c"] { desk.script.fail("sent \(item)", with: TransientError("silence")) }
            #expect(try await desk.run(Spread.self, ["a", "b", "c"]).parkedReason == .outcomeUnknown)
            let seen = try await desk.seen()
            try await desk.refuses(.refused, saying: "sent[1], sent[2]") {
                try await desk.keys.resolve(seen, as: .didNotHappen, step: "sent", reason: "r")
            }
            try await desk.keys.resolve(seen, as: .happened(output: "\"B\""), step: "sent[1]", reason: "r")
            try await desk.keys.resolve(desk.parkedAgain(), as: .didNotHappen, reason: "r")
            #expect(try await desk.complete().finished == 1)
            #expect(try await desk.run(Spread.self, ["a", "b", "c"]).response == ["a", "B", "c"])
            #expect(desk.script.calls(of: "sent b").count == 1)
            #expect(desk.script.calls(of: "sent c").count == 2)
        }
    }

    @Test func anElementsCompensationIsResolvedToo() async throws {
        try await Desk.with { desk async throws in
            let busy = TransientError("busy", retryAfter: .seconds(300))
            desk.script.fail("closed", with: busy, Rejection(status: 402, type: "no", title: "No"))
            desk.script.fail("unsent a", with: TransientError("silence"))
            desk.script.fail("unsent b", with: TransientError("silence"))
            #expect(try await desk.run(Spread.self, ["a", "b"]).progress?.cause == .backoff)
            try await desk.keys.release(desk.seen(), reason: "r")
            #expect(try await desk.complete().parked == 1)
            for _ in 0..<2 {
                try await desk.keys.resolve(desk.seen(), as: .didNotHappen, reason: "r")
                _ = try await desk.complete()
            }
            #expect(try await desk.run(Spread.self, ["a", "b"]).rejection?.status == 402)
            #expect(desk.script.calls(of: "unsent a").count == 2)
            #expect(desk.script.calls(of: "unsent b").count == 2)
        }
    }

    @Test func aRetryGivesParkedBranchesTheirAttemptsAgain() async throws {
        try await Desk.with { desk async throws in
            desk.script.fail("labelled", with: TransientError("silence"))
            _ = try await desk.run(Dispatch.self, Order(item: "book"))
            try await desk.change(
                """
                parked_reason = 'attempts_exhausted', branches = jsonb_set(branches, '{labelled}',
                    '{"point": "started", "attempts": 9, "since": 0, "parked": "attempts_exhausted"}')
                """)
            try await desk.keys.retry(desk.seen(), reason: "r")
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "labelled").count == 2)
            #expect(desk.script.calls(of: "picked_up").count == 1)
        }
    }

    @Test func aReleaseEndsTheBackoffOfBranches() async throws {
        try await Desk.with { desk async throws in
            desk.script.fail("labelled", with: TransientError("silence"))
            _ = try await desk.run(Dispatch.self, Order(item: "book"))
            try await desk.change(
                """
                parked_reason = NULL, run_at = now() + interval '1 hour', branches = jsonb_set(branches, '{labelled}',
                    '{"point": "started", "attempts": 1, "since": 0}' || jsonb_build_object('due', \(Self.nextYear)))
                """)
            try await desk.keys.release(desk.seen(), reason: "r")
            #expect(try await desk.complete().finished == 1)
        }
    }

    private static let nextYear = "extract(epoch FROM now() + interval '1 year')"

    @Test func aRejectionUndoesWhatTheBranchesDid() async throws {
        try await Desk.with { desk async throws in
            desk.script.fail("labelled", with: TransientError("silence"))
            _ = try await desk.run(Dispatch.self, Order(item: "book"))
            let unknown = try await desk.seen()
            try await desk.refuses(.refused, saying: "labelled") {
                try await desk.keys.compensate(unknown, reason: "r")
            }
            try await desk.keys.resolve(unknown, as: .didNotHappen, reason: "r")
            let entry = try await desk.keys.compensate(desk.seen(), reason: "r")
            #expect(entry.after?.branches == [:])
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "undo picked_up") == ["book"])
            #expect(desk.script.calls(of: "undo labelled").isEmpty)
            #expect(try await desk.run(Dispatch.self, Order(item: "book")).rejection?.status == 500)
        }
    }
}

extension Desk {
    /// The key once the branch that is resolved has gone on, and the other one has parked it again.
    fileprivate func parkedAgain() async throws -> SeenKey {
        #expect(try await complete().parked == 1)
        return try await seen()
    }
}
