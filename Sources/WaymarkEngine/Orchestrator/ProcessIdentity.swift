import Foundation

/// What this process calls itself in `locked_by` and in journals: host, process id, and a random number, because hosts
/// and process ids come back.
enum ProcessIdentity {
    static let description: String = {
        let process = ProcessInfo.processInfo
        let nonce = String(UInt32.random(in: .min ... .max), radix: 16)
        return "\(process.hostName)/\(process.processIdentifier)/\(nonce)"
    }()
}
