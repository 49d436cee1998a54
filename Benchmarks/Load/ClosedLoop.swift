/// A load of which always the same number is in flight: whoever is answered asks again.
struct ClosedLoop: Sendable {
    let inFlight: Int

    /// Repeats `operation` for so many seconds. What is under way at their end is waited for, and not in the rate.
    /// - Parameter operation: gets a number that no other repetition of this run has.
    /// - Throws: `CancellationError` alone; what `operation` throws is counted.
    func run(
        seconds: Int, _ operation: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Measurement {
        let end = ContinuousClock.now + .seconds(seconds)
        let measurement = await withTaskGroup(of: Measurement.self) { group in
            for worker in 0..<inFlight {
                group.addTask { await repeated(from: worker, until: end, seconds, operation) }
            }
            return await group.reduce(into: Measurement()) { $0.add($1) }
        }
        try Task.checkCancellation()
        return measurement
    }

    private func repeated(
        from first: Int, until end: ContinuousClock.Instant, _ seconds: Int,
        _ operation: @Sendable (Int) async throws -> Void
    ) async -> Measurement {
        var measurement = Measurement()
        var inWindow = 0
        var number = first
        while ContinuousClock.now < end, !Task.isCancelled {
            do {
                try await operation(number)
                measurement.done += 1
                if ContinuousClock.now <= end { inWindow += 1 }
            } catch {
                measurement.fail(error)
            }
            number += inFlight
        }
        measurement.rate = Double(inWindow) / Double(seconds)
        return measurement
    }
}
