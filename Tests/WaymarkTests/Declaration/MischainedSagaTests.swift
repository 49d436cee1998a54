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

    @Test(
        "Modifiers that a step would ignore are none of its",
        arguments: [
            (#"Child("had", Inner.self, request: { (n: Int) in n }) { n, _ in n }"#, ".retry(.none)", "retry"),
            (
                #"Child("had", Inner.self, request: { (n: Int) in n }) { n, _ in n }"#, ".timeout(.seconds(1))",
                "timeout"
            ),
            (
                #"Child("had", Inner.self, request: { (n: Int) in n }) { n, _ in n }"#,
                #".rejectWhenExhausted(status: 503, type: "late", title: "Late.")"#, "rejectWhenExhausted"
            ),
            (
                #"Choose("went", by: { (n: Int) in Way.here }) { way in switch way { case .here: noted() } }"#,
                ".outputChanged(in: 2, from: Int.self) { $0 }", "outputChanged"
            ),
            (
                #"WaitFor("told", event: Int.self, timeout: .hours(1)) { (n: Int, _: Int?) in n }"#, ".retry(.none)",
                "retry"
            ),
            (#"SleepUntil("due") { (_: Int) in Date.now }"#, ".timeout(.seconds(1))", "timeout"),
        ])
    func aModifierThatWouldDoNothingDoesNotCompile(step: String, modifier: String, name: String) throws {
        let saga = { (modifier: String) in
            """
            import Foundation
            import Waymark
            enum Way: String, CaseIterable { case here }
            func noted() -> AtomicPhase<Int, Int> { AtomicPhase("noted") { (n: Int, _: Transaction) in n } }
            struct Inner: Saga { static let name = "inner"; var body: some Step<Int, Int> { noted() } }
            struct Outer: Saga { static let name = "outer"; var body: some Step<Int, Int> { \(step)\(modifier) } }
            """
        }
        let control = try Compiler().typeCheck(text: saga(""))
        #expect(control.succeeded, "\(control.diagnostics)")
        let result = try Compiler().typeCheck(text: saga(modifier))
        #expect(!result.succeeded)
        #expect(result.diagnostics.contains("'\(name)'"), "\(result.diagnostics)")
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
