import Staging

/// When the pace was the old one again.
struct Recovery: Sendable {
    /// A pace is the old one from 95 % of it on: a saga more or less in a second is none of the system's doing.
    static let share = 0.95
    /// What a pace is counted over, twice in a row: those who had to wait are all answered at once, which the first may owe
    /// its pace to. Long enough for some hundred sagas, short beside the limit.
    static let window = Duration.seconds(3)
    /// How many moments of a window are looked at.
    private static let steps = 12

    /// Sagas per second before the first blow, and after the recovery.
    let before: Double
    let after: Double
    /// From the end of the last blow to the moment from which on the pace was the old one; nil when that took too long.
    let time: Duration?
    /// The pace in each window that was looked at, and that in the next.
    let paces: [[Double]]

    /// Watches until the pace is the old one, and then for as long again as it was measured before.
    static func watch(
        _ records: Records, before: Double, healedAt: ContinuousClock.Instant, schedule: Schedule,
        window: Duration? = nil
    ) async throws -> Recovery {
        let window = window ?? min(Self.window, schedule.calm)
        var start = healedAt
        var paces: [[Double]] = []
        var time: Duration?
        while time == nil, start <= healedAt + schedule.recoveryLimit {
            let (middle, end) = (start + window, start + window * 2)
            try await Task.sleep(until: end, clock: .continuous)
            paces.append([records.rate(from: start, to: middle), records.rate(from: middle, to: end)])
            let isBack = paces.last?.allSatisfy { $0 >= share * before } == true
            if isBack { time = healedAt.duration(to: start) } else { start += window / steps }
        }
        try await Task.sleep(until: start + schedule.calm, clock: .continuous)
        return Recovery(
            before: before, after: records.rate(from: start, to: start + schedule.calm), time: time, paces: paces)
    }
}
