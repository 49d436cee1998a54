import Hummingbird
import NIOCore

/// A request's context that can end its connection.
struct SandboxContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Closes the connection, without an answer.
    func dropConnection() async {
        // A connection that is closed already is as good.
        try? await channel.close().get()
    }
}
