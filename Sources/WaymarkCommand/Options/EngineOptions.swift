import ArgumentParser
import Waymark
import WaymarkEngine

/// How a process holds keys.
struct EngineOptions: ParsableArguments {
    @Option(help: "How long a silent holder keeps a key, in seconds.")
    var leaseSeconds = 15.0

    @Option(help: "How long a stop waits for the steps at hand, in seconds.")
    var graceSeconds = 10.0

    @Option(help: "How long a finished key answers repeats, in hours.")
    var retentionHours = 24.0

    func validate() throws {
        guard leaseSeconds >= 0.5 else { throw ValidationError("--lease-seconds must be at least 0.5") }
        guard graceSeconds >= 0 else { throw ValidationError("--grace-seconds must not be negative") }
        guard retentionHours > 0 else { throw ValidationError("--retention-hours must be positive") }
    }

    var configuration: EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.lease = .seconds(leaseSeconds)
        configuration.gracePeriod = .seconds(graceSeconds)
        configuration.retention = .hours(retentionHours)
        return configuration
    }
}
