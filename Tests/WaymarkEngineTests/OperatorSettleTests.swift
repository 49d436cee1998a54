import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A person says what came of a call and rejects the request, in one act.
@Suite struct OperatorSettleTests {
    private let gone = Rejection(status: 410, type: "gone", title: "Gone")

    @Test func aCallThatDidNotHappenIsNotMadeBeforeTheRejection() async throws {
        try await Desk.with { [gone] desk async throws in
            let seen = try await desk.parkedPayout()
            let entry = try await desk.keys.reject(seen, with: gone, resolving: .didNotHappen, reason: "asked")
            #expect(entry.verb == "resolve and reject")
            #expect(entry.after?.direction == "compensating")
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "withdrawn").count == 1, "it is not made again")
            #expect(desk.script.calls(of: "deposit") == [])
            #expect(desk.script.calls(of: "unbook").count == 1)
            #expect(try await desk.payout().rejection == gone)
            #expect(try await desk.audit().count == 1)
        }
    }

    @Test func aCallThatHappenedIsUndoneWithTheRejection() async throws {
        try await Desk.with { [gone] desk async throws in
            let seen = try await desk.parkedPayout()
            let payment = #"{"charge":"by hand","reservation":{"id":"\#(UUID())","item":"book"}}"#
            try await desk.refuses(.invalidOutput) {
                try await desk.keys.reject(seen, with: gone, resolving: .happened(output: "{}"), reason: "r")
            }
            try await desk.keys.reject(seen, with: gone, resolving: .happened(output: payment), reason: "r")
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "deposit") == ["by hand"])
            #expect(try await desk.payout().rejection == gone)
        }
    }

    /// A holder died, or was made to let go, between the intent and the result: the key is due, and not parked.
    @Test func anAtMostOnceCallInABackoffIsNoDeadEnd() async throws {
        for verb in ["reject", "resolve"] {
            try await Desk.with { [gone] desk async throws in
                let seen = try await desk.releasedPayout()
                #expect(seen.recoveryPoint == "withdrawn:begun")
                try await desk.refuses(.refused, saying: "resolve") {
                    try await desk.keys.reject(seen, with: gone, reason: "r")
                }
                if verb == "reject" {
                    try await desk.keys.reject(seen, with: gone, resolving: .didNotHappen, reason: "r")
                    #expect(try await desk.complete().finished == 1)
                    #expect(try await desk.payout().rejection == gone)
                    #expect(desk.script.calls(of: "withdrawn").count == 1)
                } else {
                    try await desk.keys.resolve(seen, as: .didNotHappen, reason: "r")
                    #expect(try await desk.complete().finished == 1)
                    #expect(try await desk.payout().response != nil)
                    #expect(desk.script.calls(of: "withdrawn").count == 2)
                }
            }
        }
    }

    /// The last step's effect is the request's: nothing undoes it.
    @Test func aLastStepThatHappenedIsNotRejected() async throws {
        try await Desk.with { [gone] desk async throws in
            desk.script.fail("pinged", with: TransientError("silence"))
            #expect(try await desk.run(Ping.self, Order(item: "book")).parkedReason == .outcomeUnknown)
            let seen = try await desk.seen()
            let output = #"{"charge":"c","item":"i"}"#
            try await desk.refuses(.refused, saying: "succeeded") {
                try await desk.keys.reject(seen, with: gone, resolving: .happened(output: output), reason: "r")
            }
            try await desk.keys.reject(seen, with: gone, resolving: .didNotHappen, reason: "r")
            #expect(try await desk.run(Ping.self, Order(item: "book")).rejection == gone)
        }
    }

    /// Releasing a running key and rejecting it was a race with the process that takes it up again.
    @Test func aRunningKeyIsTakenOver() async throws {
        try await Desk.with { [gone] desk async throws in
            let letGo = desk.script.hold("charged")
            let run = Task { try await desk.run(PlaceOrder.self, Order(item: "book")) }
            try await eventually("the call is under way") { !desk.script.calls(of: "charged").isEmpty }
            let seen = try await desk.seen()
            // Somebody else took it up since it was looked at.
            try await desk.change("fence = fence + 1")
            try await desk.refuses(.moved) { try await desk.keys.reject(seen, with: gone, reason: "r") }
            let now = try await desk.seen()
            try await desk.refuses(.refused, saying: "take it over") {
                try await desk.keys.reject(now, with: gone, reason: "r")
            }
            let entry = try await desk.keys.reject(seen, with: gone, takingOver: true, reason: "r")
            #expect(entry.after?.direction == "forward", "the call is settled first")
            letGo()
            // The process that lost the key may take it up again itself.
            _ = try await run.value
            _ = try await desk.complete()
            #expect(Set(desk.script.calls(of: "charged")).count == 1, "the same charge")
            #expect(desk.script.calls(of: "charged").count == 2)
            #expect(desk.script.calls(of: "refund").count == 1)
            #expect(try await desk.run(PlaceOrder.self, Order(item: "book")).rejection == gone)
        }
    }

    /// Beside a branch whose call may have happened, nothing else is begun; what happened is undone.
    @Test func theBranchesOfAGroupAreSettledOneByOne() async throws {
        try await Desk.with { [gone] desk async throws in
            for step in ["labelled", "picked_up"] { desk.script.fail(step, with: TransientError("silence")) }
            #expect(try await desk.run(Dispatch.self, Order(item: "book")).parkedReason == .outcomeUnknown)
            let seen = try await desk.seen()
            try await desk.refuses(.refused, saying: "picked_up") {
                try await desk.keys.reject(seen, with: gone, resolving: .didNotHappen, step: "labelled", reason: "r")
            }
            let receipt = #"{"charge":"by hand","item":"book"}"#
            try await desk.keys.resolve(seen, as: .happened(output: receipt), step: "picked_up", reason: "r")
            #expect(try await desk.complete().parked == 1)
            try await desk.keys.reject(
                desk.seen(), with: gone, resolving: .didNotHappen, step: "labelled", reason: "r")
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "labelled").count == 1)
            #expect(desk.script.calls(of: "undo labelled") == [])
            #expect(desk.script.calls(of: "undo picked_up").count == 1)
            #expect(try await desk.run(Dispatch.self, Order(item: "book")).rejection == gone)
        }
    }

    /// A keyed call of one branch is in a backoff after it may have happened; the other branch is done.
    @Test func aKeyedCallOfABranchIsSettledBeforeTheGroupIsUndone() async throws {
        try await TestDatabase.with(script: PlaceOrder.tables) { [gone] database in
            let desk = try Desk(database: database, and: { [Ferry(script: $0)] })
            desk.script.fail("boat", with: TransientError("silence", retryAfter: .minutes(5)))
            #expect(try await desk.run(Ferry.self, Order(item: "book")).progress?.cause == .backoff)
            let entry = try await desk.keys.reject(desk.seen(), with: gone, reason: "r")
            #expect(entry.after?.direction == "forward")
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "boat").count == 2)
            #expect(Set(desk.script.calls(of: "boat")).count == 1)
            #expect(desk.script.calls(of: "boat back").count == 1)
            #expect(desk.script.calls(of: "cabin back").count == 1)
            #expect(desk.script.calls(of: "tickets") == [], "nothing new is begun")
            #expect(try await desk.run(Ferry.self, Order(item: "book")).rejection == gone)
        }
    }
}

/// Two keyed calls side by side, one with a step after it.
private struct Ferry: Saga {
    static let name = "ferry"
    let script: Script

    var body: some Step<Order, [String]> {
        Parallel("booked", join: { (boat: String, cabin: String) in [boat, cabin] }) {
            Branch {
                call("boat", Order.self)
                AtomicPhase("tickets") { (boat: String, _: Transaction) in
                    try await script.perform("tickets", boat)
                    return boat
                }
            }
            call("cabin", Order.self)
        }
    }

    func call<Input: Codable & Sendable>(_ step: String, _: Input.Type) -> some Step<Input, String> {
        ForeignCall(step, .keyed(horizon: .hours(1))) { (_: Input, call: Call) in
            try await script.perform(step, call.idempotencyKey)
            return step
        }
        .compensate { (_: String, call: Call) in try await script.perform("\(step) back", call.idempotencyKey) }
    }
}

extension Desk {
    /// A payout whose holder was made to let go of it while its call was under way.
    fileprivate func releasedPayout() async throws -> SeenKey {
        let letGo = script.hold("withdrawn")
        let run = Task { try await payout() }
        try await eventually("the call is under way") { !script.calls(of: "withdrawn").isEmpty }
        try await keys.release(seen(), reason: "r")
        letGo()
        _ = try? await run.value
        // Later: its turn has not come yet.
        try await change("run_at = now() + interval '1 hour'")
        return try await seen()
    }
}
