/// A condition did not come true in time.
public struct ConditionNotMet: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) {
        self.description = description
    }
}

/// Waits until `condition` gives a value, asking every few milliseconds.
/// - Parameters:
///   - what: what is waited for, for the error.
///   - timeout: a bound for a condition that never comes true, not an expectation of speed.
/// - Throws: `ConditionNotMet` when the time is over; what `condition` throws.
public func eventually<Value>(
    _ what: String, within timeout: Duration = .seconds(30), _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + timeout
    while true {
        if let value = try await condition() { return value }
        guard .now < deadline else { throw ConditionNotMet(description: "not within \(timeout): \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// Waits until `condition` is true, asking every few milliseconds.
public func eventually(
    _ what: String, within timeout: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    _ = try await eventually(what, within: timeout) { try await condition() ? true : nil }
}
