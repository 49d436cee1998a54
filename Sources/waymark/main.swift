import RocketRides
import WaymarkCommand

await WaymarkTool<RocketRidesApplication>.start()
