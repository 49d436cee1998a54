import Foundation
import Logging
import WaymarkCommand

if ProcessInfo.processInfo.environment["FIXTURE_LOG"] != nil { LoggingSystem.bootstrap { OwnLogHandler(label: $0) } }
await WaymarkTool<FixtureApplication>.start()
