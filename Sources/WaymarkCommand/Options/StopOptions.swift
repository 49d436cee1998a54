import ArgumentParser
import Waymark

/// How a process stops.
struct StopOptions: ParsableArguments {
    @Option(help: "How long a stop waits for the work at hand, in seconds; the process ends at most 6 seconds later.")
    var graceSeconds = 10.0

    func validate() throws {
        guard (0...86_400).contains(graceSeconds) else { throw ValidationError("--grace-seconds must be 0 to 86400") }
    }

    var gracePeriod: Duration { .seconds(graceSeconds) }
}
