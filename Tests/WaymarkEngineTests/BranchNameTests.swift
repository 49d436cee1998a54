import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

/// Branches are known by their names: by which of them a request goes on does not depend on where they are written.
@Suite struct BranchNameTests {
    private static let later = TransientError("the answer was lost", retryAfter: .seconds(3000))

    /// An at-most-once withdrawal beside a call that fails: of the two, the wrong one would be made again.
    @Test(arguments: [false, true])
    func swappingTheLinesOfAParallelMakesAWithdrawalTwice(isStoredByPosition: Bool) async throws {
        try await Fleet.with { fleet in
            try await Self.leave(fleet)
            if isStoredByPosition { try await Self.storeByPosition(fleet) }
            let swapped = fleet.runs(Disburse(script: fleet.script, order: .swapped))
            #expect(try await swapped.inFlight().isSafe)
            fleet.script.fail("mailed", with: Self.later)
            try await fleet.lapse()
            #expect(try await Completionist(swapped).runOnce().released == 1)
            // And back again: the deployment is rolled back.
            try await fleet.settle(fleet.runs(Disburse(script: fleet.script)))
            #expect(try await fleet.column("response_body") == [#""withdrawn, noted, mailed""#])
            #expect(fleet.script.calls(of: "withdrawn").count == 1)
            #expect(fleet.script.calls(of: "noted").count == 1)
            #expect(fleet.script.calls(of: "mailed").count == 3)
        }
    }

    @Test(arguments: [Disburse.Order.added, .addedInFront, .removed, .renamed])
    fileprivate func otherBranchesAreNotTakenForThoseUnderWay(order: Disburse.Order) async throws {
        try await Fleet.with { fleet in
            try await Self.leave(fleet)
            let other = fleet.runs(Disburse(script: fleet.script, order: order))
            let report = try await other.inFlight()
            #expect(report.unknown.map(\.point).contains("paid_out{mailed,withdrawn}"))
            #expect(
                report.problems.first?.problem.hasPrefix("of 'paid_out' the branches mailed, withdrawn are under way")
                    == true)
            try await fleet.lapse()
            let before = try await fleet.snapshot()
            #expect(try await Completionist(other).runOnce().claimed == 0)
            #expect(try await fleet.snapshot() == before)
            try await fleet.settle(fleet.runs(Disburse(script: fleet.script)))
        }
    }

    /// What an earlier release stored has no names, so it is claimed; then it shows that there is a branch too many.
    @Test(arguments: [Disburse.Order.added, .addedInFront])
    fileprivate func aJoinThatCannotCommitParksAtOnceAndRepeatsNoCall(order: Disburse.Order) async throws {
        try await Fleet.with { fleet in
            try await Self.leave(fleet)
            try await Self.storeByPosition(fleet)
            let other = fleet.runs(Disburse(script: fleet.script, order: order))
            #expect(try await !other.inFlight().isSafe)
            try await fleet.lapse()
            #expect(try await Completionist(other).runOnce().parked == 1)
            #expect(fleet.script.calls(of: "added").isEmpty)
            #expect(fleet.script.calls(of: "mailed").count == 1)
            #expect(try await fleet.column("parked_reason") == ["unreadable_state"])
            #expect(try await fleet.column("last_error")[0].contains("the branches 0, 1 are under way"))
        }
    }

    /// Another step is the first of its branch, which keeps its name.
    @Test func aBranchIsGivenTheNameThatItHad() async throws {
        try await Fleet.with { fleet in
            try await Self.leave(fleet)
            let extended = fleet.runs(Disburse(script: fleet.script, order: .extended))
            #expect(try await extended.inFlight().isSafe)
            try await fleet.settle(extended)
            #expect(try await fleet.column("response_body") == [#""withdrawn, noted, mailed""#])
            #expect(fleet.script.calls(of: "addressed").count == 1)
        }
    }

    /// One branch is over, and the one beside it could not be done.
    private static func leave(_ fleet: Fleet) async throws {
        fleet.script.fail("mailed", with: later)
        let outcome = try await fleet.runs(Disburse(script: fleet.script)).run(
            Disburse.self, key: IdempotencyKey("k1"), scope: fleet.scope, request: "pay")
        #expect(outcome.progress?.recoveryPoint == "paid_out:begun")
        #expect(
            try await fleet.column("branches #>> '{withdrawn,point}' || ' ' || (branches #>> '{mailed,point}')")
                == ["finished started"])
    }

    /// As earlier releases did.
    private static func storeByPosition(_ fleet: Fleet) async throws {
        try await fleet.database.client.execute(
            "UPDATE waymark.keys SET branches = jsonb_build_object('0', branches -> 'withdrawn', '1', branches -> 'mailed')"
        )
    }
}

/// Withdraws money and mails a note, side by side.
private struct Disburse: Saga {
    enum Order { case first, swapped, added, addedInFront, removed, renamed, extended }

    static let name = "disburse"
    let script: Script
    var order = Order.first

    var body: some Step<String, String> {
        switch order {
        case .first:
            Parallel("paid_out", join: { (a: String, b: String) in "\(a), \(b)" }) {
                withdrawal
                call("mailed")
            }
        case .swapped:
            Parallel("paid_out", join: { (b: String, a: String) in "\(a), \(b)" }) {
                call("mailed")
                withdrawal
            }
        case .added:
            Parallel("paid_out", join: { (a: String, b: String, _: String) in "\(a), \(b)" }) {
                withdrawal
                call("mailed")
                call("added")
            }
        case .addedInFront:
            Parallel("paid_out", join: { (_: String, a: String, b: String) in "\(a), \(b)" }) {
                call("added")
                withdrawal
                call("mailed")
            }
        case .removed:
            Parallel("paid_out", join: { (a: String, b: String) in "\(a), \(b)" }) {
                withdrawal
                call("added")
            }
        case .renamed:
            Parallel("paid_out", join: { (a: String, b: String) in "\(a), \(b)" }) {
                withdrawal
                Branch("letter") { call("mailed") }
            }
        case .extended:
            Parallel("paid_out", join: { (a: String, b: String) in "\(a), \(b)" }) {
                withdrawal
                Branch("mailed") {
                    call("addressed")
                    call("mailed")
                }
            }
        }
    }

    private var withdrawal: some Step<String, String> {
        Branch {
            ForeignCall("withdrawn", .atMostOnce) { (_: String, _: Call) in
                try await script.perform("withdrawn", "")
                return "withdrawn"
            }
            AtomicPhase("noted") { (withdrawn: String, _: Transaction) in
                try await script.perform("noted", "")
                return "\(withdrawn), noted"
            }
        }
    }

    private func call(_ step: String) -> ForeignCall<String, String> {
        ForeignCall(step, .natural) { (_: String, _: Call) in
            try await script.perform(step, "")
            return step
        }
    }
}
