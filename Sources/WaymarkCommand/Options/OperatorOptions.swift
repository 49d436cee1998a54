import ArgumentParser
import Foundation
import Waymark
import WaymarkEngine

/// Who does something to keys, why, and whether for real.
struct OperatorOptions: ParsableArguments {
    @Option(help: "Why, for the audit trail.")
    var reason: String

    @Option(help: "Who, for the audit trail. Default: the login name.")
    var by = NSUserName()

    @Flag(help: "Print what would be done, and do nothing.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    @Option(help: "How long an answer that this gives is kept, in hours.")
    var retentionHours = 24.0

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard !reason.isEmpty, !by.isEmpty else { throw ValidationError("--reason and --by must not be empty") }
        guard retentionHours > 0, retentionHours <= 876_000 else {
            throw ValidationError("--retention-hours must be positive, and a century at most")
        }
    }
}
