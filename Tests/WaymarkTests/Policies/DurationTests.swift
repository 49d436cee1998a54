import Testing

@testable import Waymark

@Suite struct DurationTests {
    @Test(arguments: [
        (Duration.zero, "0 s"), (.seconds(1), "1 s"), (.seconds(59), "59 s"), (.seconds(60), "1 min"),
        (.seconds(90), "90 s"), (.minutes(90), "90 min"), (.hours(1), "1 h"), (.hours(24), "24 h"),
        (.hours(1.5), "90 min"), (.milliseconds(1), "1 ms"), (.milliseconds(1_500), "1500 ms"),
        (.seconds(Int64.max), "9223372036854775807 s"),
    ])
    func forPeople(duration: Duration, expected: String) {
        #expect(duration.formattedForPeople == expected)
        #expect(Idempotence.keyed(horizon: duration).description == "keyed for \(expected)")
    }

    @Test func units() {
        #expect(Duration.minutes(1.5) == .seconds(90))
        #expect(Duration.hours(0.5) == .seconds(1_800))
        #expect(Duration.milliseconds(1_250).inSeconds == 1.25)
        #expect(Duration.seconds(-3).inSeconds == -3)
    }
}
