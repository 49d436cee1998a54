import ArgumentParser
import WaymarkEngine

/// What is known of the call at which a key stands, and whether the key is taken from its holder.
struct SettlingOptions: ParsableArguments {
    @Option(help: "The call that the key stands at happened, and this is what it returned, as JSON: it is undone too.")
    var happened: String?

    @Flag(help: "The call that the key stands at did not happen, and will not: it is not made any more.")
    var didNotHappen = false

    @Option(help: "Which call, where there are several; 'sent[3]' for an element of a ForEach.")
    var step: String?

    @Flag(
        help: "Take the key from a process that is working on it. A call that it is making may happen, and is settled.")
    var takeOver = false

    func validate() throws {
        if happened != nil, didNotHappen {
            throw ValidationError("give --happened or --did-not-happen, not both")
        }
        if step != nil, resolution == nil {
            throw ValidationError("--step says which call --happened or --did-not-happen is about")
        }
    }

    /// Nil where nothing is said.
    var resolution: Resolution? {
        if let happened { return .happened(output: happened) }
        return didNotHappen ? .didNotHappen : nil
    }
}
