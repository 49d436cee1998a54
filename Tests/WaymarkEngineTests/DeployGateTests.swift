import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

/// Changes of a declaration that break requests in flight, found before the process that declares them starts.
@Suite struct DeployGateTests {
    /// Comes back long after the test: whoever goes on was made to by `lapse`.
    private static let later = TransientError("the answer was lost", retryAfter: .seconds(3000))

    enum Inside: CaseIterable { case wait, sleep, choice, parallel, forEach, child, call }

    // MARK: Inserting

    /// The request is inside of a step whose input was given by the one before it. That is another one now, and was not performed.
    @Test(arguments: Inside.allCases)
    func aStepIsPutDirectlyInFrontOfOneThatRequestsAreInside(kind: Inside) async throws {
        try await Fleet.with { fleet in
            let script = fleet.script
            script.fail("called", with: Self.later)
            switch kind {
            case .wait: try await Self.finds("inside:waiting", "inside", Self.waiting(for: String.self), fleet)
            case .sleep:
                let sleep = SleepUntil("inside") { (_: Order) in Date.now.addingTimeInterval(100_000) }
                try await Self.finds("inside:asleep", "inside", sleep, fleet)
            case .choice: try await Self.finds("inside", "called", Self.choosing(Track.rail, script), fleet)
            case .parallel: try await Self.finds("inside:begun", "inside", Self.parallel(script), fleet)
            case .forEach:
                try await Self.finds("inside:begun", "inside", Self.forEach({ [$0] }, script), fleet)
            case .child: try await Self.finds("inside:waiting", "inside", Self.child(String.self), fleet)
            case .call:
                // It parks: a person says what came of it, and then the request goes on.
                let call = scripted("called", script, .atMostOnce).retry(.none)
                try await Self.finds("called:begun", "called", call, fleet)
            }
        }
    }

    private static func finds<Step: Waymark.Step<Order, Order>>(
        _ point: String, _ step: String, _ inside: Step, _ fleet: Fleet
    ) async throws {
        let first = fleet.runs(Trip(script: fleet.script, inside: inside), Errand(response: "done"))
        try await ask(Trip<Step>.self, first, fleet)
        #expect(try await fleet.column("recovery_point", of: "saga = 'trip'") == [point])
        #expect(try await first.inFlight().isSafe)
        let report = try await fleet.runs(
            Trip(script: fleet.script, checksFirst: true, inside: inside), Errand(response: "done")
        ).inFlight()
        #expect(
            report.problems.map { "\($0.saga) at \($0.point): \($0.keys): \($0.problem)" } == [
                "trip at \(point): 1: '\(step)' takes what 'checked' gives, and 'checked' was not performed before it began"
            ])
        #expect(throws: UnknownInFlightError.self) { try report.verify() }
    }

    /// Before a request has come to it, it is performed; past it, the request goes on without it, and the check says so.
    @Test func aStepThatIsPutElsewhereBreaksNothing() async throws {
        try await Fleet.with { fleet in
            let script = fleet.script
            script.fail("closed past", with: Self.later)
            script.fail("booked before", with: Self.later)
            let inside = scripted("called", script)
            for item in ["past", "before"] {
                let first = fleet.runs(Trip(script: script, inside: inside))
                try await Self.ask(Trip<ForeignCall<Order, Order>>.self, first, fleet, item)
            }
            #expect(try await fleet.column("recovery_point") == ["called", "started"])
            let second = fleet.runs(Trip(script: script, checksFirst: true, inside: inside))
            let report = try await second.inFlight()
            #expect(report.isSafe)
            #expect(report.passedOverSteps.map(\.description) == ["trip at checked: 1 key"])
            try await fleet.settle(second)
            #expect(script.calls(of: "checked before").count == 1)
            #expect(script.calls(of: "checked past").isEmpty)
        }
    }

    /// A branch that is over gives what its last step gave, and that is another one now.
    @Test func aStepIsPutAtTheEndOfABranchThatIsOver() async throws {
        try await Fleet.with { fleet in
            let script = fleet.script
            script.fail("called", with: Self.later)
            try await Self.ask(
                Trip<Parallel<Order, Order>>.self, fleet.runs(Trip(script: script, inside: Self.parallel(script))),
                fleet)
            let longer = Parallel("inside", join: { (order: Order, _: Order) in order }) {
                scripted("called", script)
                Branch {
                    scripted("beside", script)
                    scripted("after", script)
                }
            }
            let report = try await fleet.runs(Trip(script: script, inside: longer)).inFlight()
            #expect(
                report.problems.map(\.problem) == [
                    "a branch of 'inside' ended without 'after', which is its last step now"
                ])
        }
    }

    // MARK: Removing and renaming

    /// The request has passed a step that is gone. If it is rejected later, nobody knows how to undo the step.
    @Test func aRenameWithoutADeclarationOfAStepThatRequestsHavePassed() async throws {
        try await Fleet.with { fleet in
            try await Self.leaveDeliveries(fleet)
            let renamed = try await fleet.runs(Deliver<NewFirstStepEdition>(script: fleet.script)).inFlight()
            #expect(renamed.unknown.map(\.description) == ["delivery at journal:booked: 1 key"])
            #expect(renamed.forgottenSteps.map(\.description) == ["delivery at booked: 1 key"])
            let error = try #require(throws: UnknownInFlightError.self) { try renamed.verify() }
            #expect(error.description.contains("renamed(from:)") && error.description.contains("removedSteps"))
        }
    }

    @Test func aRemovedStepIsNotUndone() async throws {
        try await Fleet.with { fleet in
            try await Self.leaveDeliveries(fleet)
            let removed = fleet.runs(Deliver<RemovedFirstStepEdition>(script: fleet.script))
            let report = try await removed.inFlight()
            #expect(report.isSafe)
            try await fleet.settle(removed)
            #expect(
                try await fleet.column("key || ' ' || response_status") == ["confirmed 200", "undone 409"])
            #expect(fleet.script.calls(of: "refunded undone").count == 2, "the lost call, once more")
            #expect(fleet.script.calls(of: "unbooked undone").isEmpty)
        }
    }

    @Test func aRemovedStepIsNotDeclared() {
        struct Contradiction: Saga {
            static let name = "contradiction"
            static let removedSteps = ["gone", "noted"]
            var body: some Step<Int, Int> {
                AtomicPhase("noted") { (n: Int, _: Transaction) in n }
            }
        }
        let error = #expect(throws: SagaDeclarationError.self) { try SagaDeclaration(Contradiction()) }
        #expect(error?.problems == ["step 'noted' is declared, and among the removed steps"])
    }

    /// One request waits for its last step, and another one for a compensation.
    private static func leaveDeliveries(_ fleet: Fleet) async throws {
        fleet.script.fail("confirmed confirmed", with: later)
        fleet.script.fail("confirmed undone", with: Rejection(status: 409, type: "no", title: "No"))
        fleet.script.fail("refunded undone", with: later)
        let first = fleet.runs(Deliver<FirstEdition>(script: fleet.script))
        for item in ["confirmed", "undone"] { try await ask(Deliver<FirstEdition>.self, first, fleet, item) }
        #expect(try await fleet.column("recovery_point") == ["prepared", "prepared"])
    }

    @Test func aWayThatARequestWentIsRemoved() async throws {
        try await Fleet.with { fleet in
            let script = fleet.script
            script.fail("called", with: Self.later)
            let both = Trip(script: script, inside: Self.choosing(Track.rail, script))
            try await Self.ask(Trip<Choose<Track, ForeignCall<Order, Order>>>.self, fleet.runs(both), fleet)
            let report = try await fleet.runs(
                Trip(script: script, inside: Self.choosing(TrackWithoutRail.road, script))
            ).inFlight()
            #expect(report.problems.map(\.problem) == ["'inside' went the way 'rail', which is not declared"])
        }
    }

    @Test func aStepIsMovedToAnotherWay() async throws {
        try await Fleet.with { fleet in
            fleet.script.fail("called", with: Self.later)
            let first = fleet.runs(Journey(script: fleet.script))
            try await Self.ask(Journey.self, first, fleet)
            #expect(try await fleet.column("recovery_point") == ["packed"])
            #expect(try await first.inFlight().isSafe)
            let report = try await fleet.runs(Journey(script: fleet.script, isSwapped: true)).inFlight()
            #expect(report.problems.map(\.problem).contains("'called' is on another way of 'routed' than it went"))
        }
    }

    // MARK: Reordering

    @Test func aStepThatIsCommittedComesAgain() async throws {
        try await Fleet.with { fleet in
            fleet.script.fail("closed", with: Self.later)
            try await Self.ask(Payments.self, fleet.runs(Payments(script: fleet.script)), fleet)
            #expect(try await fleet.column("recovery_point") == ["noted"])
            let reordered = fleet.runs(Payments(script: fleet.script, isReordered: true))
            let report = try await reordered.inFlight()
            #expect(report.problems.map(\.problem) == ["'withdrawn' is committed, and would be performed again"])
            // A process that was started all the same does not perform it either.
            try await fleet.lapse()
            #expect(try await Completionist(reordered).runOnce().parked == 1)
            #expect(fleet.script.calls(of: "withdrawn").count == 1)
            #expect(try await fleet.column("parked_reason") == ["unreadable_state"])
            #expect(try await fleet.column("last_error")[0].contains("'withdrawn' is committed already"))
        }
    }

    // MARK: Retyping

    @Test func anOutputsTypeChangesWithoutADeclaration() async throws {
        try await Fleet.with { fleet in
            fleet.script.fail("sent", with: Self.later, Self.later, Self.later)
            for item in ["pen", "ink"] { fleet.script.fail("priced \(item)", with: Self.later) }
            let first = fleet.runs(FirstQuote(script: fleet.script))
            for item in ["pen", "ink", "book", "cup", "bag"] {
                let key = try IdempotencyKey(item)
                _ = try await first.run(FirstQuote.self, key: key, scope: fleet.scope, request: item)
            }
            #expect(try await fleet.column("recovery_point") == ["priced", "priced", "priced", "started", "started"])
            let report = try await fleet.runs(CarelessQuote(script: fleet.script)).inFlight()
            #expect(report.unknown == [])
            #expect(report.problems.map { "\($0.point): \($0.keys)" } == ["priced: 3", "started: 2"])
            #expect(report.problems.first?.problem.hasPrefix("the output of 'priced' cannot be decoded: ") == true)
            #expect(report.problems.first?.remedy.contains("outputChanged(in:from:_:) on 'priced'") == true)
            #expect(report.problems.last?.problem.hasPrefix("the request cannot be decoded: ") == true)
            #expect(report.problems.last?.remedy.contains("requestChanges") == true)
            let declared = try await fleet.runs(SecondQuote(script: fleet.script)).inFlight()
            #expect(declared.isSafe)
        }
    }

    /// Nobody asks for what a passed step gave but its compensation.
    @Test(arguments: [true, false])
    func theTypeOfACompensationsInputChanges(isUndone: Bool) async throws {
        try await Fleet.with { fleet in
            fleet.script.fail("closed", with: Self.later)
            let first = fleet.runs(Stay(script: fleet.script, room: "the blue room", isUndone: isUndone))
            try await Self.ask(Stay<String>.self, first, fleet)
            let report = try await fleet.runs(Stay(script: fleet.script, room: 7, isUndone: isUndone)).inFlight()
            #expect(report.problems.count == (isUndone ? 1 : 0))
            #expect(
                report.problems.allSatisfy { $0.problem.hasPrefix("the output of 'room_booked' cannot be decoded") })
        }
    }

    /// The request was rejected, and waits for the compensation to succeed.
    @Test func theCompensationThatARequestIsInIsTakenAway() async throws {
        try await Fleet.with { fleet in
            fleet.script.fail("closed", with: Rejection(status: 409, type: "no", title: "No"))
            fleet.script.fail("left", with: Self.later)
            try await Self.ask(Stay<String>.self, fleet.runs(Stay(script: fleet.script, room: "the blue room")), fleet)
            #expect(try await fleet.column("direction") == ["compensating"])
            let without = Stay(script: fleet.script, room: "the blue room", isUndone: false)
            let problems = try await fleet.runs(without).inFlight().problems
            #expect(problems.map(\.problem) == ["it is being undone, and no committed step has a compensation"])
        }
    }

    @Test func aStepBecomesOneOfAnotherKind() async throws {
        try await Fleet.with { fleet in
            let sleep = SleepUntil("inside") { (_: Order) in Date.now.addingTimeInterval(100_000) }
            try await Self.ask(
                Trip<SleepUntil<Order>>.self, fleet.runs(Trip(script: fleet.script, inside: sleep)), fleet)
            let waiting = Trip(script: fleet.script, inside: Self.waiting(for: String.self))
            let unknown = try await fleet.runs(waiting).inFlight().unknown
            #expect(unknown.map(\.description) == ["trip at inside:asleep: 1 key"])
        }
    }

    enum Arrival: CaseIterable { case event, answer, elements }

    @Test(arguments: Arrival.allCases)
    func theTypeOfWhatArrivedOrIsStoredForAStepChanges(arrival: Arrival) async throws {
        try await Fleet.with { fleet in
            let script = fleet.script
            script.fail("called", with: Self.later)
            let report: InFlightReport
            switch arrival {
            case .event:
                let first = fleet.runs(Trip(script: script, inside: Self.waiting(for: String.self)))
                try await Self.ask(Trip<WaitFor<Order, String, Order>>.self, first, fleet)
                let delivery = try await first.signal(
                    Trip<WaitFor<Order, String, Order>>.self, "inside", key: IdempotencyKey("book"), scope: fleet.scope,
                    payload: "yes")
                #expect(delivery == .delivered)
                report = try await fleet.runs(Trip(script: script, inside: Self.waiting(for: Int.self))).inFlight()
            case .answer:
                let first = fleet.runs(
                    Trip(script: script, inside: Self.child(String.self)), Errand(response: "done"))
                try await Self.ask(Trip<Child<Order, Errand<String>, Order>>.self, first, fleet)
                #expect(try await Completionist(first).runOnce().finished >= 1, "the child")
                report = try await fleet.runs(
                    Trip(script: script, inside: Self.child(Int.self)), Errand(response: 7)
                ).inFlight()
            case .elements:
                let first = fleet.runs(Trip(script: script, inside: Self.forEach({ [$0] }, script)))
                try await Self.ask(Trip<ForEach<Order, Order>>.self, first, fleet)
                report = try await fleet.runs(Trip(script: script, inside: Self.forEach({ [$0.quantity] }, script)))
                    .inFlight()
            }
            #expect(report.problems.count == 1)
            let problem = try #require(report.problems.first?.problem)
            #expect(
                problem.contains("cannot be decoded") && problem.hasSuffix("wrong type; a whole number is expected."),
                "\(problem)")
        }
    }

    /// One of many keys that are alike has something else stored: only a thorough look is sure to see it.
    @Test func aThoroughLookReadsEveryKey() async throws {
        try await Fleet.with { fleet in
            let first = fleet.runs(FirstQuote(script: fleet.script))
            let count = InFlightRehearsals.sample + 1
            for number in 0..<count {
                fleet.script.fail("sent", with: Self.later)
                let key = try IdempotencyKey("k\(number)")
                _ = try await first.run(FirstQuote.self, key: key, scope: fleet.scope, request: "pen")
            }
            try await fleet.database.client.execute(
                """
                UPDATE waymark.keys SET journal = jsonb_set(journal, '{0,output}', '"much"')
                WHERE id = (SELECT id FROM waymark.keys ORDER BY id DESC LIMIT 1)
                """)
            #expect(try await first.inFlight().isSafe)
            let problems = try await first.inFlight(thorough: true).problems
            #expect(problems.map { "\($0.point): \($0.keys)" } == ["priced: 1"])
            // What is parked for it already keeps no process from starting.
            try await fleet.database.client.execute(
                "UPDATE waymark.keys SET parked_reason = 'unreadable_state', run_at = now() WHERE journal @> '[{\"output\": \"much\"}]'"
            )
            #expect(try await first.inFlight(thorough: true).isSafe)
        }
    }

    // MARK: Steps that requests stand in

    private static func waiting<Event: Codable & Sendable>(for event: Event.Type) -> WaitFor<Order, Event, Order> {
        WaitFor("inside", event: event, timeout: .hours(1)) { (order: Order, _: Event?) in order }
    }

    private static func choosing<Way: RawRepresentable & CaseIterable & Sendable>(
        _ way: Way, _ script: Script
    ) -> Choose<Way, ForeignCall<Order, Order>> where Way.RawValue == String {
        Choose("inside", by: { (_: Order) in way }) { chosen in
            scripted(chosen.rawValue == Track.rail.rawValue ? "called" : "driven", script)
        }
    }

    private static func parallel(_ script: Script) -> Parallel<Order, Order> {
        Parallel("inside", join: { (order: Order, _: Order) in order }) {
            scripted("called", script)
            scripted("beside", script)
        }
    }

    private static func forEach<Element: Codable & Sendable>(
        _ elements: @escaping @Sendable (Order) -> [Element], _ script: Script
    ) -> ForEach<Order, Order> {
        ForEach("inside", over: elements, join: { (order: Order, _: [Element]) in order }) {
            ForeignCall("called", .natural) { (element: Element, _: Call) in
                try await script.perform("called", "\(element)")
                return element
            }
        }
    }

    private static func child<Response: Codable & Sendable>(
        _: Response.Type
    ) -> Child<Order, Errand<Response>, Order> {
        Child("inside", Errand<Response>.self, request: { (order: Order) in order }) { order, _ in order }
    }

    /// Asks for something that some step does not get done.
    private static func ask<S: Saga>(
        _ saga: S.Type, _ orchestrator: Orchestrator, _ fleet: Fleet, _ item: String = "book"
    ) async throws where S.Body.Input == Order {
        let outcome = try await orchestrator.run(
            saga, key: IdempotencyKey(item), scope: fleet.scope, request: Order(item: item))
        #expect(outcome.progress != nil || outcome.parkedReason != nil)
    }
}
