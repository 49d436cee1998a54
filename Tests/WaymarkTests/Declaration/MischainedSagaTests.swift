import Testing

/// What the compiler says of sagas, asked of the compiler itself.
@Suite struct MischainedSagaTests {
    /// The control: without it, a compiler that finds no module at all would pass for one that refuses a saga.
    @Test(arguments: ["WellChained", "WellBranched"])
    func aWellChainedSagaCompiles(fixture: String) throws {
        let result = try Compiler().typeCheck(fixture: fixture)
        #expect(result.succeeded, "\(result.diagnostics)")
        #expect(result.diagnostics.isEmpty)
    }

    @Test func aMischainedSagaDoesNotCompile() throws {
        let result = try Compiler().typeCheck(fixture: "Mischained")
        #expect(!result.succeeded)
        let expected = "requires the types 'Ride' and 'PaidRide' be equivalent"
        #expect(result.diagnostics.contains(expected), "\(result.diagnostics)")
    }

    @Test func aSagaMischainedAcrossASleepDoesNotCompile() throws {
        let result = try Compiler().typeCheck(fixture: "MischainedAfterSleep")
        #expect(!result.succeeded)
        #expect(result.diagnostics.contains("(aka 'Ride') and 'PaidRide' be equivalent"), "\(result.diagnostics)")
    }

    @Test(
        "Ways and branches that do not fit are named by their types",
        arguments: [
            ("Mischosen", "requires the types 'Order' and 'Label' be equivalent"),
            ("Misbranched", "requires the types 'Order' and 'Label' be equivalent"),
            ("Misjoined", "'Branches<Order, Label, Pickup>' to return type 'Branches<Order, Pickup, Label>'"),
        ])
    func aMisbranchedSagaDoesNotCompile(fixture: String, expected: String) throws {
        let result = try Compiler().typeCheck(fixture: fixture)
        #expect(!result.succeeded)
        #expect(result.diagnostics.contains(expected), "\(result.diagnostics)")
    }

    @Test func aSagaWithoutStepsDoesNotCompile() throws {
        let result = try Compiler().typeCheck(fixture: "Stepless")
        #expect(!result.succeeded)
        #expect(result.diagnostics.contains("StepBuilder"), "\(result.diagnostics)")
    }

    /// Reports how long a long saga takes; how fast this machine is, is no property of the code.
    @Test func aLongSagaTypeChecks() throws {
        let count = 24
        let steps = (1...count).map { index in
            index.isMultiple(of: 2)
                ? "        ForeignCall(\"s\(index)\", .natural, call\(index)).timeout(.seconds(5)).compensate(undo\(index))"
                : "        AtomicPhase(\"s\(index)\", phase\(index))"
        }
        let methods = (1...count).map { index in
            index.isMultiple(of: 2)
                ? """
                    func call\(index)(_ value: V\(index), _ call: Call) async throws -> V\(index + 1) { .init() }
                    func undo\(index)(_ value: V\(index + 1), _ call: Call) async throws {}
                """
                : "    func phase\(index)(_ value: V\(index), _ tx: Transaction) async throws -> V\(index + 1) { .init() }"
        }
        let types = (1...count + 1).map { "struct V\($0): Codable, Sendable {}" }
        let text =
            (["import Waymark"] + types + ["struct Long: Saga {", "    static let name = \"long\""]
            + ["    var body: some Step<V1, V\(count + 1)> {"] + steps + ["    }"] + methods + ["}"])
            .joined(separator: "\n")
        let result = try Compiler().typeCheck(text: text)
        #expect(result.succeeded, "\(result.diagnostics)")
        print("\(count) chained steps type-check in \(result.seconds) s")
    }
}
