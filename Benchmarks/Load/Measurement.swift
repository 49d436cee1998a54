/// What one run of a load gave.
struct Measurement: Sendable {
    /// A second, within the window.
    var rate = 0.0
    /// How many were answered as they should be, in the window or behind it: what the database is compared with.
    var done = 0
    /// How many were not.
    var failed = 0
    /// What the first of those said.
    var failure: String?
    /// How long each answer took, where that was measured.
    var milliseconds: [Double] = []

    mutating func fail(_ error: any Error) {
        failed += 1
        failure = failure ?? "\(error)"
    }

    mutating func add(_ other: Measurement) {
        rate += other.rate
        done += other.done
        failed += other.failed
        failure = failure ?? other.failure
        milliseconds += other.milliseconds
    }
}

/// Measurements of the same thing.
struct Series: Sendable {
    private(set) var rates: [Double] = []
    private(set) var total = Measurement()

    /// - Parameter isWarmUp: counts in what was done, and not in the rate.
    mutating func append(_ measurement: Measurement, isWarmUp: Bool = false) {
        total.add(measurement)
        if !isWarmUp { rates.append(measurement.rate) }
    }

    /// A second.
    var rate: Double { rates.median }
    var done: Int { total.done }
    /// How long each answer took, the warm-up's too, where that was measured.
    var milliseconds: [Double] { total.milliseconds }

    /// A sentence for what failed, if anything did.
    var problems: [String] {
        if total.failed == 0 { return done > 0 ? [] : ["nothing was done"] }
        return ["\(total.failed) of \(total.failed + done) failed, the first with: \(total.failure ?? "?")"]
    }

    /// Both together, for what is counted of both.
    static func + (first: Series, second: Series) -> Series {
        var sum = first
        sum.total.add(second.total)
        sum.rates += second.rates
        return sum
    }
}
