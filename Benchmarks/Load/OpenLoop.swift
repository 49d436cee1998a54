import Foundation

/// A load whose requests come when they come, whether or not those before are answered: at random (Poisson), as pgbench's
/// `--rate` has them.
struct OpenLoop: Sendable {
    /// Requests a second.
    let rate: Double

    /// - Returns: How long each answer took, from when its request was due, in `Measurement.milliseconds`.
    /// - Throws: `CancellationError` alone; what `operation` throws is counted.
    func run(
        seconds: Int, _ operation: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Measurement {
        var measurement = try await withThrowingTaskGroup(of: Measurement.self) { group in
            let start = ContinuousClock.now
            var due = start
            var number = 0
            while due < start + .seconds(seconds) {
                try await Task.sleep(until: due, clock: .continuous)
                group.addTask { [due, number] in await Self.measure(due) { try await operation(number) } }
                number += 1
                due += .seconds(-log(Double.random(in: Double.ulpOfOne...1)) / rate)
            }
            return try await group.reduce(into: Measurement()) { $0.add($1) }
        }
        measurement.rate = Double(measurement.done) / Double(seconds)
        try Task.checkCancellation()
        return measurement
    }

    private static func measure(_ due: ContinuousClock.Instant, _ operation: () async throws -> Void) async
        -> Measurement
    {
        var measurement = Measurement()
        do {
            try await operation()
            measurement.done = 1
            measurement.milliseconds = [due.duration(to: .now) / .milliseconds(1)]
        } catch {
            measurement.fail(error)
        }
        return measurement
    }
}
