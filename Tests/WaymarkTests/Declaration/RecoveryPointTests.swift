import Testing
import WaymarkTesting

@testable import Waymark

/// What is stored says which step it is about, and what of it.
@Suite struct RecoveryPointTests {
    @Test(arguments: [
        ("charged", RecoveryPoint(step: "charged")), ("started", RecoveryPoint(step: "started")),
        ("withdrawn:begun", RecoveryPoint(step: "withdrawn", stage: .begun)),
        ("cooled_off:asleep", RecoveryPoint(step: "cooled_off", stage: .asleep)),
        ("approved:waiting", RecoveryPoint(step: "approved", stage: .waiting)),
        ("withdrawn:undoing", RecoveryPoint(step: "withdrawn", stage: .undoing)),
        ("charged:undone", RecoveryPoint(step: "charged", stage: .undone)),
        ("sent[0]", RecoveryPoint(step: "sent", element: 0)),
        ("sent:undone[3]", RecoveryPoint(step: "sent", stage: .undone, element: 3)),
        ("sent:undoing[199]", RecoveryPoint(step: "sent", stage: .undoing, element: 199)),
    ])
    func stored(text: String, expected: RecoveryPoint) {
        #expect(RecoveryPoint(text) == expected)
        #expect(expected.description == text)
    }

    /// Rows are for ever: the words are part of the format.
    @Test func theWordsStay() {
        let stages: [RecoveryPoint.Stage] = [.begun, .asleep, .waiting, .undoing, .undone]
        #expect(stages.map(\.rawValue) == ["begun", "asleep", "waiting", "undoing", "undone"])
        #expect(DeclaredCompensation.recoveryPoint(undoing: "sent") == "sent:undone")
        #expect(DeclaredCompensation.recoveryPoint(undoing: "sent", element: 3) == "sent:undone[3]")
    }

    @Test(
        "What is none of ours is no stage of any step's",
        arguments: ["a:b", "", ":", "a:", "a:Begun", "a:begun:", "a]"])
    func strangers(text: String) {
        let point = RecoveryPoint(text)
        #expect(point.stage == nil)
        #expect(point.step == text)
        #expect(point.description == text)
    }

    @Test func everyPointSurvivesTheRoundTrip() {
        let seed = Seed()
        var random = seed.generator()
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789_-")
        let stages: [RecoveryPoint.Stage?] = [nil, .begun, .asleep, .waiting, .undoing, .undone]
        for _ in 0..<10_000 {
            let name = (1...Int.random(in: 1...80, using: &random)).compactMap { _ in
                letters.randomElement(using: &random)
            }
            let point = RecoveryPoint(
                step: String(name), stage: stages.randomElement(using: &random) ?? nil,
                element: Bool.random(using: &random) ? Int.random(in: 0..<Limits.elements, using: &random) : nil)
            #expect(RecoveryPoint(point.description) == point, "seed \(seed.value)")
        }
    }
}
