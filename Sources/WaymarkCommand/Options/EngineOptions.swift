import ArgumentParser
import Waymark
import WaymarkEngine

/// How a process holds keys.
struct EngineOptions: ParsableArguments {
    @Option(help: "How long a silent holder keeps a key, in seconds.")
    var leaseSeconds = 15.0

    @Option(help: "How long a finished key answers repeats, in hours.")
    var retentionHours = 24.0

    @Option(help: "The size of a request and of each step's output at most, as JSON, in kilobytes of 1024.")
    var maxValueKilobytes = Limits.valueBytes / 1024

    @Flag(
        inversion: .prefixedNo,
        help: "Let commits of many requests share transactions; without, each has one of its own.")
    var coalescing = true

    @Flag(
        help:
            "Start also where keys are in flight that no saga here can go on with: unknown ones are left alone, others parked."
    )
    var tolerateUnknown = false

    func validate() throws {
        guard (0.5...86_400).contains(leaseSeconds) else {
            throw ValidationError("--lease-seconds must be 0.5 to 86400")
        }
        guard (1...65_536).contains(maxValueKilobytes) else {
            throw ValidationError("--max-value-kilobytes must be 1 to 65536")
        }
        guard retentionHours > 0, retentionHours <= 876_000 else {
            throw ValidationError("--retention-hours must be positive, and a century at most")
        }
    }

    var configuration: EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.lease = .seconds(leaseSeconds)
        configuration.retention = .hours(retentionHours)
        if !coalescing { configuration.coalescing = nil }
        configuration.limits.requestBytes = maxValueKilobytes * 1024
        configuration.limits.outputBytes = maxValueKilobytes * 1024
        return configuration
    }
}
