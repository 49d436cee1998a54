import Foundation
import Logging
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Keys that one version of a saga left, and a later one (or an earlier) that finds them.
@Suite struct VersionTests {
    /// Comes back long after the test: whoever goes on was made to by `lapse`.
    private static let later = TransientError("the answer was lost", retryAfter: .seconds(3000))
    private static let items = ["asleep", "withdrawn", "charged", "packed", "confirmed", "undone"]

    @Test func countsWhatIsUnknown() async throws {
        try await Fleet.with { fleet in
            try await Self.leave(Self.items, on: fleet)
            let report = try await fleet.runs(Deliver<ForgetfulEdition>(script: fleet.script)).inFlight()
            #expect(
                report.unknown.map(\.description).sorted()
                    == [
                        "delivery at charged:undone: 1 key", "delivery at cooled:asleep: 1 key",
                        "delivery at journal:booked: 1 key", "delivery at journal:charged: 1 key",
                        "delivery at journal:cooled: 1 key", "delivery at journal:labelled: 1 key",
                        "delivery at journal:packed: 1 key", "delivery at journal:prepared: 1 key",
                        "delivery at journal:weighed: 1 key", "delivery at journal:withdrawn: 1 key",
                        "delivery at prepared/packed: 1 key", "delivery at prepared: 1 key",
                        "delivery at prepared:begun: 1 key", "delivery at prepared{labelled,packed}: 1 key",
                        "delivery at withdrawn: 1 key",
                        "delivery at withdrawn:begun: 1 key",
                    ].sorted())
            #expect(report.forgottenSteps.first { $0.point == "booked" }?.keys == 5, "of those that go forward")
            #expect(throws: UnknownInFlightError.self) { try report.verify() }
        }
    }

    @Test func leavesAloneWhatIsUnknown() async throws {
        try await Fleet.with { fleet in
            try await Self.leave(Self.items, on: fleet)
            try await fleet.lapse()
            let before = try await fleet.snapshot()
            let forgetful = fleet.runs(Deliver<ForgetfulEdition>(script: fleet.script))
            #expect(try await Completionist(forgetful).runOnce().claimed == 0)
            let asked = try await forgetful.run(
                Deliver<ForgetfulEdition>.self, key: IdempotencyKey("charged"), scope: fleet.scope,
                request: Order(item: "charged"))
            #expect(asked.progress?.recoveryPoint == "withdrawn", "nor does a client that asks again set it going")
            #expect(try await fleet.snapshot() == before)
        }
    }

    @Test func aBranchsPointCountsLikeTheKeysOwn() async throws {
        try await Fleet.with { fleet in
            try await Self.leave(Self.items, on: fleet)
            let forgetful = fleet.runs(Deliver<BranchForgetfulEdition>(script: fleet.script))
            #expect(
                try await forgetful.inFlight().unknown.map(\.description).sorted()
                    == [
                        "delivery at journal:packed: 1 key", "delivery at prepared/packed: 1 key",
                        "delivery at prepared{labelled,packed}: 1 key",
                    ])
            try await fleet.lapse()
            let round = try await Completionist(forgetful).runOnce()
            #expect(round.claimed == 4, "all but the two")
            #expect(round.parked == 0)
            #expect(
                try await fleet.column("recovery_point", of: "NOT done AND locked_at = created_at")
                    == ["charged:undone", "prepared:begun"])
        }
    }

    @Test func finishesWhatWasRenamed() async throws {
        try await Fleet.with { fleet in
            try await Self.leave(Self.items, on: fleet)
            let renamed = fleet.runs(Deliver<RenamedEdition>(script: fleet.script))
            let report = try await renamed.inFlight()
            #expect(report.unknown == [])
            #expect(report.forgottenSteps == [])
            #expect(report.entries.first { $0.point == "prepared/packed" }?.isKnown == true)
            try await fleet.settle(renamed)
            let answers = try await fleet.column("key || ' ' || recovery_point || ' ' || response_status")
            #expect(answers == Self.items.map { "\($0) finished \($0 == "undone" ? 409 : 200)" }.sorted())
            // Each phase's effect once, whichever version it was; "weighed" of "packed" was rolled back the first time.
            let effects = try await fleet.database.client.query("SELECT item || ' ' || step FROM effects")
                .decode(String.self).sorted()
            let all = Self.items.flatMap { item in
                ["booked", "packed", "weighed", item == "undone" ? "unbooked" : "confirmed"].map { "\(item) \($0)" }
            }
            #expect(effects == all.sorted())
        }
    }

    @Test func foreignKeysOutliveTheRenaming() async throws {
        try await Fleet.with { fleet in
            try await Self.leave(Self.items, on: fleet)
            let charged = fleet.script.calls(of: "charged charged")
            #expect(charged.count == 1)
            try await fleet.settle(fleet.runs(Deliver<RenamedEdition>(script: fleet.script)))
            #expect(fleet.script.calls(of: "charged charged") == charged + charged, "the lost call, once more")
            #expect(fleet.script.calls(of: "withdrawn withdrawn").count == 1, "found by its key, and not made again")
            #expect(fleet.script.calls(of: "refunded undone").count == 1)
        }
    }

    @Test func readsWhatEarlierVersionsWrote() async throws {
        try await Fleet.with { fleet in
            let first = fleet.runs(FirstQuote(script: fleet.script))
            fleet.script.fail("priced pen", with: Self.later)
            fleet.script.fail("sent", with: Self.later)
            for item in ["pen", "book"] {
                let key = try IdempotencyKey(item)
                #expect(
                    try await first.run(FirstQuote.self, key: key, scope: fleet.scope, request: item).progress != nil)
            }
            #expect(try await fleet.column("recovery_point") == ["priced", "started"])
            try await fleet.settle(fleet.runs(SecondQuote(script: fleet.script)))
            #expect(try await fleet.column("response_body") == [#""300 cents in EUR""#, #""400 cents in DEM""#])
        }
    }

    @Test func anEarlierVersionLeavesALaterOnesKeysAlone() async throws {
        try await Fleet.with { fleet in
            let (first, second) = (
                fleet.runs(FirstQuote(script: fleet.script)), fleet.runs(SecondQuote(script: fleet.script))
            )
            // One is accepted by the later version, the other only gone on with.
            fleet.script.fail("sent", with: Self.later, Self.later)
            _ = try await second.run(
                SecondQuote.self, key: IdempotencyKey("k1"), scope: fleet.scope, request: Order(item: "pen"))
            fleet.script.fail("priced book", with: Self.later)
            _ = try await first.run(FirstQuote.self, key: IdempotencyKey("k2"), scope: fleet.scope, request: "book")
            try await fleet.lapse("k2")
            #expect(try await Completionist(second).runOnce().released == 1)
            try await fleet.lapse()
            let before = try await fleet.snapshot()
            #expect(try await Completionist(first).runOnce().claimed == 0)
            #expect(try await fleet.snapshot() == before)
            #expect(try await first.inFlight().unknown.map(\.description) == ["quote at version:2: 2 keys"])
            #expect(try await Completionist(second).runOnce().finished == 2)
        }
    }

    @Test func aStepMovedIntoAGroupIsAnotherPoint() async throws {
        try await Fleet.with { fleet in
            fleet.script.fail("sent", with: Self.later)
            let first = fleet.runs(FirstQuote(script: fleet.script))
            _ = try await first.run(FirstQuote.self, key: IdempotencyKey("k1"), scope: fleet.scope, request: "pen")
            let grouped = fleet.runs(GroupedQuote())
            #expect(try await grouped.inFlight().unknown.map(\.point) == ["priced"])
            try await fleet.lapse()
            #expect(try await Completionist(grouped).runOnce().claimed == 0)
        }
    }

    @Test func sagasOfOneCallAndFinishedKeysDoNotCount() async throws {
        try await Fleet.with { fleet in
            fleet.script.fail("sent", with: Self.later)
            let first = fleet.runs(FirstQuote(script: fleet.script))
            _ = try await first.run(FirstQuote.self, key: IdempotencyKey("k1"), scope: fleet.scope, request: "pen")
            let nothing = fleet.runs(Notify(script: fleet.script))
            #expect(try await nothing.inFlight().unknown.map(\.point) == ["priced", "version:1"])
            #expect(try await nothing.inFlight().forgottenSteps == [], "of a saga that is not here at all")
            try await fleet.database.client.execute("UPDATE waymark.keys SET saga = 'once:send'")
            #expect(try await nothing.inFlight().entries == [])
            try await fleet.database.client.execute("UPDATE waymark.keys SET saga = 'quote'")
            try await fleet.settle(first)
            #expect(try await nothing.inFlight().entries == [])
        }
    }

    /// Has the first edition leave each item's key where its name says.
    private static func leave(_ items: [String], on fleet: Fleet) async throws {
        let saga = Deliver<FirstEdition>(script: fleet.script, wakes: .distantFuture)
        let first = fleet.runs(saga)
        fleet.script.fail("withdrawn withdrawn", with: later)
        fleet.script.fail("charged charged", with: later)
        fleet.script.fail("weighed packed", with: later)
        fleet.script.fail("confirmed confirmed", with: later)
        fleet.script.fail("confirmed undone", with: Rejection(status: 409, type: "no", title: "No"))
        fleet.script.fail("unbooked undone", with: later)
        for item in items {
            let outcome = try await first.run(
                Deliver<FirstEdition>.self, key: IdempotencyKey(item), scope: fleet.scope, request: Order(item: item))
            #expect(outcome.progress != nil)
        }
        let points = try await fleet.column("key || ' ' || recovery_point")
        #expect(
            points == [
                "asleep cooled:asleep", "charged withdrawn", "confirmed prepared", "packed prepared:begun",
                "undone charged:undone", "withdrawn withdrawn:begun",
            ])
    }
}

/// `FirstQuote`, whose first step now is one of two that are done at the same time.
private struct GroupedQuote: Saga {
    static let name = "quote"
    static let version = 2

    var body: some Step<String, String> {
        Parallel("prepared", join: { cents, _ in cents }) {
            Branch {
                AtomicPhase("priced") { (item: String, _: Transaction) in item.count * 100 }
                AtomicPhase("taxed") { (cents: Int, _: Transaction) in cents }
            }
            AtomicPhase("listed") { (item: String, _: Transaction) in item }
        }
        ForeignCall("sent", .natural) { (cents: Int, _: Call) in "\(cents) cents" }
    }
}
