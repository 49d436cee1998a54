import Foundation
import PostgresPQ
import Testing

@testable import Waymark

/// The erased bodies that the engine runs.
@Suite struct StepBodyTests {
    private func run(_ body: StepBody, on input: any Sendable) async throws -> StepValue {
        guard case .call(let body, reconcile: _) = body else { throw TransientError("a phase needs a database") }
        return try await body(input, Call.sample())
    }

    @Test func aCallGetsItsInputAndGivesItsOutputTwice() async throws {
        let step = try SagaDeclaration(BookRide()).steps[1]
        let result = try await run(step.body, on: Ride(id: 7))
        #expect(result.json == #"{"charge":"key-abroad","id":7}"#)
        #expect(try (result.read() as? PaidRide)?.charge == "key-abroad")
    }

    @Test func aCompensationGetsTheOutputAndGivesNothing() async throws {
        let undo = try #require(try SagaDeclaration(BookRide()).steps[1].compensation)
        #expect(try await run(undo.body, on: PaidRide(id: 7, charge: "c")).json == "null")
    }

    @Test func storedValuesAreReadAsTheDeclaredTypes() throws {
        let step = try SagaDeclaration(BookRide()).steps[1]
        #expect((try step.decodeInput(#"{"id":7}"#) as? Ride)?.id == 7)
        #expect((try step.decodeOutput(#"{"id":7,"charge":"c"}"#, 3) as? PaidRide)?.charge == "c")
        #expect(throws: DecodingError.self) { try step.decodeOutput(#"{"id":7}"#, 3) }
    }

    @Test func whatABodyThrowsComesOut() async throws {
        let rejection = Rejection(status: 400, type: "t", title: "t")
        let declaration = try SagaDeclaration(
            Assembled([ForeignCall<Int, Int>("a", .natural) { _, _ in throw rejection }])
        )
        await #expect(throws: rejection) { try await run(declaration.steps[0].body, on: 1) }
    }

    @Test func anOptionalInputMayBeNothing() async throws {
        struct Optionals: Saga {
            static let name = "optionals"
            var body: some Step<Int?, Int?> {
                ForeignCall("a", .natural) { (value: Int?, _: Call) -> Int? in value }
            }
        }
        let step = try SagaDeclaration(Optionals()).steps[0]
        #expect(try await run(step.body, on: step.decodeInput("null")).json == "null")
        #expect(try await run(step.body, on: step.decodeInput("3")).json == "3")
    }

    @Test func anOutputThatIsNoJSONIsAnError() {
        #expect(throws: EncodingError.self) { try StepValue(encoding: Double.infinity) }
    }

    @Test func modifiersLeaveTheOriginalAlone() throws {
        let original = phase("a")
        _ = original.retry(.none).timeout(.seconds(1)).isolation(.serializable).undonePhase()
        let step = try SagaDeclaration(Assembled([original])).steps[0]
        #expect(step.retry == .exponential())
        #expect(step.timeout == .seconds(10))
        #expect(step.kind == .atomicPhase(.readCommitted))
        #expect(step.compensation == nil)
    }

    @Test func aValueOfAnotherTypeIsABug() async {
        await #expect(processExitsWith: .failure) {
            let _: Int = cast("text", for: "a")
        }
    }
}
