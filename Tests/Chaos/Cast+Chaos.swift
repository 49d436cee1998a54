import Foundation
import Staging

extension Cast {
    /// Six processes of Waymark, and services that fail as those of others do.
    /// - Parameter route: puts the proxies between.
    static func chaos(
        route: @escaping @Sendable (_ program: String, _ direct: Surroundings) async throws -> Surroundings
    ) -> Cast {
        var cast = Cast()
        cast.database = "chaos"
        cast.completionists = 2
        cast.sandboxFaults = [
            "--delay-ms", "20", "--error-before-rate", "0.01", "--error-after-rate", "0.01", "--drop-rate", "0.01",
            "--decline-rate", "0.03", "--statement-outage-rate", "0.05",
        ]
        // The bank takes milliseconds. What it promises is more than a process is ever frozen for: whoever sends an order
        // later than that pays twice (docs/engine.md, bounds of the promise), which is not what is looked for here.
        cast.settings = ["BANK_TIMEOUT_SECONDS": "1", "BANK_PROCESSING_SECONDS": "4"]
        cast.route = route
        return cast
    }

    /// All of Waymark's processes.
    var names: [String] { orchestratorNames + helperNames }
}
