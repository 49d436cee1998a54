import Testing

@testable import Waymark

/// What choices and groups make of values.
@Suite struct GroupBodyTests {
    private struct Label: Codable, Sendable, Equatable { var id: Int }
    private struct Pickup: Codable, Sendable, Equatable { var day: String }
    private struct Prepared: Codable, Sendable, Equatable {
        var label: Label
        var pickup: Pickup
        var weight: Double
    }

    private struct Preparing: Saga {
        static let name = "preparing"
        var body: some Step<Int, Prepared> {
            Parallel("prepared", join: Prepared.init) {
                ForeignCall("labelled", .natural) { (order: Int, _: Call) in Label(id: order) }
                Branch {
                    AtomicPhase("weighed") { (order: Int, _: Transaction) in "day \(order)" }
                    AtomicPhase("fetched") { (day: String, _: Transaction) in Pickup(day: day) }
                }
                AtomicPhase("measured") { (order: Int, _: Transaction) in Double(order) / 2 }
            }
        }
    }

    private func join(_ outputs: [any Sendable]) throws -> StepValue {
        guard case .parallel(let join) = try SagaDeclaration(Preparing()).steps[0].body else {
            throw TransientError("not a Parallel")
        }
        return try join(outputs)
    }

    @Test func aParallelJoinsEachBranchsTypeInItsPlace() throws {
        let joined = try join([Label(id: 7), Pickup(day: "day 7"), 3.5])
        #expect(
            try joined.read() as? Prepared == Prepared(label: Label(id: 7), pickup: Pickup(day: "day 7"), weight: 3.5))
        #expect(joined.json == #"{"label":{"id":7},"pickup":{"day":"day 7"},"weight":3.5}"#)
    }

    @Test func branchesAreDeclaredInOrder() throws {
        let step = try SagaDeclaration(Preparing()).steps[0]
        #expect(step.branches.map(\.label) == ["labelled", "weighed", "measured"])
        #expect(step.branches.map { $0.steps.map(\.name) } == [["labelled"], ["weighed", "fetched"], ["measured"]])
        #expect((step.inputType, step.outputType) == ("Int", "Prepared"))
        #expect(step.isGroup)
    }

    @Test func outputsOfAnotherTypeOrNumberAreABug() async {
        await #expect(processExitsWith: .failure) { _ = try Self.swapped() }
        await #expect(processExitsWith: .failure) { _ = try Self.tooFew() }
    }

    private static func swapped() throws -> StepValue {
        try GroupBodyTests().join([Pickup(day: "day 7"), Label(id: 7), 3.5])
    }

    private static func tooFew() throws -> StepValue { try GroupBodyTests().join([Label(id: 7)]) }

    // MARK: ForEach

    private struct Order: Codable, Sendable { var parcels: [Label] }
    private struct Shipped: Codable, Sendable, Equatable {
        var count: Int
        var trackings: [String]
    }

    private struct Shipping: Saga {
        static let name = "shipping"
        var body: some Step<Order, Shipped> {
            ForEach("all_sent", over: \.parcels, concurrency: 4, join: Self.join) {
                AtomicPhase("packed") { (parcel: Label, _: Transaction) in "box \(parcel.id)" }
                ForeignCall("sent", .natural) { (box: String, _: Call) in "tracking of \(box)" }
            }
        }

        static func join(_ order: Order, _ trackings: [String]) -> Shipped {
            Shipped(count: order.parcels.count, trackings: trackings)
        }
    }

    private func elements() throws -> ElementsBody {
        guard case .forEach(let body) = try SagaDeclaration(Shipping()).steps[0].body else {
            throw TransientError("not a ForEach")
        }
        return body
    }

    @Test func elementsAreStoredAndReadBack() throws {
        let body = try elements()
        let (count, stored) = try body.elements(Order(parcels: [Label(id: 3), Label(id: 1)]))
        #expect(count == 2)
        #expect(stored.json == #"[{"id":3},{"id":1}]"#)
        #expect(try body.decode(stored.json) as? [Label] == [Label(id: 3), Label(id: 1)])
        #expect(throws: (any Error).self) { try body.decode(#"[{"number":3}]"#) }
    }

    @Test func noElementsAreStoredToo() throws {
        let (count, stored) = try elements().elements(Order(parcels: []))
        #expect((count, stored.json) == (0, "[]"))
        #expect(try elements().decode("[]").isEmpty)
        let order = Order(parcels: [])
        #expect(try elements().join(order, []).read() as? Shipped == Shipped(count: 0, trackings: []))
    }

    @Test func elementsThatCannotBeStoredAreSaidSo() throws {
        let steps = ForEach("all", over: { (_: Int) in [Double.nan] }, join: { input, _ in input }) {
            AtomicPhase("one") { (_: Double, _: Transaction) in 1 }
        }
        guard case .forEach(let body) = try SagaDeclaration(Assembled([steps])).steps[0].body else { return }
        #expect(throws: UnstorableOutput.self) { try body.elements(1) }
    }

    @Test func outputsAreJoinedInTheElementsOrder() throws {
        let order = Order(parcels: [Label(id: 3), Label(id: 1)])
        let joined = try elements().join(order, ["three", "one"])
        #expect(try joined.read() as? Shipped == Shipped(count: 2, trackings: ["three", "one"]))
        #expect(joined.json == #"{"count":2,"trackings":["three","one"]}"#)
    }

    @Test func eachElementIsTakenOneAtATimeUnlessDeclared() throws {
        let declared = try SagaDeclaration(Assembled([each("all", [phase("a")])])).steps[0]
        #expect(declared.kind == .forEach(concurrency: 1))
        #expect(try SagaDeclaration(Shipping()).steps[0].kind == .forEach(concurrency: 4))
    }

    // MARK: Choose

    @Test(arguments: [(0, "card"), (1, "invoice"), (5, "none")])
    func aChoiceIsItsCasesRawValue(input: Int, expected: String) throws {
        guard case .choice(let choose) = try SagaDeclaration(Assembled([choice("way", [:]), phase("z")])).steps[0].body
        else { throw TransientError("not a choice") }
        #expect(choose(input) == expected)
    }

    @Test func everyCaseIsAWay() throws {
        let step = try SagaDeclaration(Assembled([choice("way", [.invoice: [phase("a"), phase("b")]]), phase("z")]))
            .steps[0]
        #expect(step.branches.map(\.label) == ["card", "invoice", "none"])
        #expect(step.branches.map { $0.steps.map(\.name) } == [[], ["a", "b"], []])
        #expect(!step.isGroup)
    }
}
