import Waymark

/// The gates of all foreign services that this process's sagas call: one a service, shared by all sagas.
struct ServiceGates: Sendable {
    private let gates: [String: ServiceGate]

    /// - Parameters:
    ///   - services: those of all steps, as often as they are named; each without problems.
    ///   - clock: what rates and pauses go by.
    /// - Throws: `WaymarkError` (`duplicateName`) for two of one name whose limits differ.
    init(_ services: [ForeignService], clock: EngineClock = .system) throws {
        var known: [String: ForeignService] = [:]
        for service in services {
            let other = known.updateValue(service, forKey: service.name)
            if let other, other != service {
                throw WaymarkError(
                    .duplicateName, "two foreign services with different limits are named '\(service.name)'")
            }
        }
        gates = known.mapValues { ServiceGate($0, clock: clock) }
    }

    /// The gate of a service that was given to ``init(_:)``.
    subscript(service: ForeignService) -> ServiceGate {
        guard let gate = gates[service.name] else {
            preconditionFailure(
                "there is a gate for every service of a registered saga, and none for '\(service.name)'")
        }
        return gate
    }
}
