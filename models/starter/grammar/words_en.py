"""English word classes for the free sentences. Written for this project."""

# Things one can have, see, buy or lose.
NOUNS = """apple arm baby bag ball bank basket bath bed bell bike bill bird blanket block board boat body bone book boot bottle bowl box boy bridge
brush bucket building bus butterfly button cake camera candle car card carpet cat chain chair chicken child church circle city class clock cloud coat coffee
coin comb computer cook corner couch cough country cousin cow cup curtain cut dance daughter day desk dictionary dinner dish doctor dog doll door dream dress
drink driver duck ear egg engine evening exercise eye face fact family farm farmer father fence field film finger fire fish flag floor flower fly
fork fox friend frog front fruit game garden gate ghost gift girl glass glove goat grandson group guest guitar hair hall hammer hand
hat head heart heater hill hobby hole holiday home horse hospital hotel hour house idea ink island jacket jar job joke juice key kid kitchen kite
knee knife ladder lake lamp language leaf leg lesson letter library light line lion list lock lunch machine magazine man map market match meal medicine
meeting message microwave minute mirror mistake moment monkey month moon morning mother mountain mouse mouth movie museum name neck needle neighbor nest newspaper night
nose note number nurse office onion orange oven owner page paint pan paper parent park part party path pen pencil person phone photo piano picture
piece pig pillow place plan plane plant plate player pocket poem point pool post pot potato present price printer problem program question queue rabbit radio
rat reason recipe restaurant ring river road robot rock roof room rope rose rule salad sandwich saw school scarf screen sea seat secret shelf ship
shirt shoe shop shoulder shower sign sister skirt sky sleeve snake sock sofa soldier son song sound soup spider spoon spot square stair stamp star station stick
stone store storm story stove street student suit summer surprise sweater switch table tail tail tailor taxi teacher team television tent test thief thing ticket
tie tiger title toe tomato tool tooth toothbrush towel tower town toy train tree trip truck trumpet turn umbrella uncle vase vegetable video village violin visitor voice wall
wallet watch wave way wedding week wheel wife window winter wolf woman word worker world yard year zebra aunt bakery balcony bathroom beach bedroom bee blender bracelet
branch breakfast calendar castle ceiling cellar charger cinema clinic closet cookie cupboard diary drawer elevator envelope factory fan faucet fridge garage hose iron
jewel keyboard kettle laptop lawn mailbox mattress mop mug napkin necklace notebook oak pancake passport pharmacy pie plug puppy purse puzzle ribbon sink soap sponge
suitcase supermarket tablet tap theater thermometer timer toaster tray trash tunnel vacuum washer wardrobe whistle zipper""".split()

MASS = """water milk tea coffee bread butter cheese rice sugar salt pepper oil meat beef pork chicken fish soup juice wine beer chocolate honey jam fruit money time work
homework housework music news weather rain snow wind sunshine luck fun help advice love peace energy space air light power paper wood glass gold silver plastic cotton wool
sand dust dirt soap shampoo laundry furniture luggage traffic information medicine exercise sleep breakfast lunch dinner dessert pasta flour garlic ice cream toast
yogurt cereal sauce vinegar mustard gas electricity practice patience courage trouble noise silence history science math art english chinese french""".split()

PEOPLE = """mother father mom dad sister brother son daughter wife husband grandma grandpa grandmother grandfather uncle aunt cousin nephew niece friend boss teacher neighbor
doctor dentist boyfriend girlfriend roommate classmate colleague partner coach landlord baby kid boy girl guest student nurse driver manager mailman""".split()

ADJ = """good bad big small new old young long short tall high low hot cold warm cool wet dry clean dirty full empty heavy light dark bright quick slow fast early late
easy hard soft loud quiet cheap expensive free busy happy sad angry tired hungry thirsty sick healthy strong weak rich poor nice kind mean funny serious boring interesting
beautiful ugly pretty cute sweet sour bitter salty spicy fresh fine great wonderful terrible awful perfect wrong right true false real strange normal special different same
important simple difficult dangerous safe afraid brave shy proud lazy careful crazy clever smart stupid silly polite rude honest friendly lonely alone sleepy awake
alive dead open closed broken ready lost famous favorite local public private secret sharp flat round square deep wide narrow thick thin red blue green yellow white black
brown gray pink purple golden wooden modern ancient comfortable delicious lovely amazing excellent exciting surprised worried nervous excited bored scared confused jealous
grateful calm peaceful sunny rainy windy cloudy foggy noisy messy tidy sticky rough smooth tiny huge enormous giant little whole half single double extra""".split()

ADV = """really very quite so too pretty almost always usually often sometimes rarely never again already still just only maybe probably certainly finally suddenly quickly slowly
carefully easily badly well quietly loudly early late together alone outside inside upstairs downstairs here there everywhere somewhere soon later now today yesterday
tomorrow tonight recently lately once twice anyway instead actually especially exactly nearly hardly completely totally simply clearly""".split()

# base past participle -ing, with an object.
DO = """see saw seen seeing|find found found finding|buy bought bought buying|lose lost lost losing|take took taken taking|bring brought brought bringing|make made made making|get got got getting
|give gave given giving|put put put putting|keep kept kept keeping|use used used using|need needed needed needing|want wanted wanted wanting|like liked liked liking|love loved loved loving|hate hated hated hating
|have had had having|hear heard heard hearing|watch watched watched watching|read read read reading|write wrote written writing|draw drew drawn drawing|paint painted painted painting|sing sang sung singing
|eat ate eaten eating|drink drank drunk drinking|cook cooked cooked cooking|bake baked baked baking|cut cut cut cutting|wash washed washed washing|clean cleaned cleaned cleaning|fix fixed fixed fixing|break broke broken breaking
|open opened opened opening|close closed closed closing|lock locked locked locking|move moved moved moving|carry carried carried carrying|hold held held holding|drop dropped dropped dropping|throw threw thrown throwing|catch caught caught catching
|kick kicked kicked kicking|hit hit hit hitting|push pushed pushed pushing|pull pulled pulled pulling|touch touched touched touching|smell smelled smelled smelling|taste tasted tasted tasting|try tried tried trying|choose chose chosen choosing
|sell sold sold selling|send sent sent sending|order ordered ordered ordering|pay paid paid paying|borrow borrowed borrowed borrowing|lend lent lent lending|rent rented rented renting|steal stole stolen stealing|hide hid hidden hiding
|forget forgot forgotten forgetting|remember remembered remembered remembering|know knew known knowing|understand understood understood understanding|learn learned learned learning|study studied studied studying|teach taught taught teaching
|meet met met meeting|visit visited visited visiting|call called called calling|help helped helped helping|thank thanked thanked thanking|miss missed missed missing|follow followed followed following|leave left left leaving|join joined joined joining
|start started started starting|finish finished finished finishing|stop stopped stopped stopping|change changed changed changing|check checked checked checking|count counted counted counting|save saved saved saving|share shared shared sharing
|wear wore worn wearing|fold folded folded folding|hang hung hung hanging|feed fed fed feeding|ride rode ridden riding|drive drove driven driving|fly flew flown flying|climb climbed climbed climbing|cross crossed crossed crossing
|build built built building|plant planted planted planting|pick picked picked picking|collect collected collected collecting|fill filled filled filling|empty emptied emptied emptying|mix mixed mixed mixing|heat heated heated heating|freeze froze frozen freezing
|play played played playing|win won won winning|enjoy enjoyed enjoyed enjoying|prefer preferred preferred preferring|plan planned planned planning|cancel canceled canceled canceling|invite invited invited inviting|surprise surprised surprised surprising
|print printed printed printing|charge charged charged charging|download downloaded downloaded downloading|turn turned turned turning|show showed shown showing|hurt hurt hurt hurting|burn burned burned burning|spill spilled spilled spilling
|wrap wrapped wrapped wrapping|tie tied tied tying|measure measured measured measuring|test tested tested testing|describe described described describing|explain explained explained explaining|ask asked asked asking|answer answered answered answering"""

GO = """go went gone going|come came come coming|run ran run running|walk walked walked walking|swim swam swum swimming|dance danced danced dancing|jump jumped jumped jumping|fall fell fallen falling|sit sat sat sitting|stand stood stood standing
|sleep slept slept sleeping|wake woke woken waking|rest rested rested resting|wait waited waited waiting|work worked worked working|live lived lived living|stay stayed stayed staying|travel traveled traveled traveling|arrive arrived arrived arriving
|laugh laughed laughed laughing|cry cried cried crying|smile smiled smiled smiling|talk talked talked talking|speak spoke spoken speaking|shout shouted shouted shouting|whisper whispered whispered whispering|listen listened listened listening
|think thought thought thinking|dream dreamed dreamed dreaming|worry worried worried worrying|hope hoped hoped hoping|grow grew grown growing|change changed changed changing|happen happened happened happening|die died died dying|play played played playing
|cough coughed coughed coughing|sneeze sneezed sneezed sneezing|shop shopped shopped shopping|exercise exercised exercised exercising|practice practiced practiced practicing|relax relaxed relaxed relaxing|argue argued argued arguing|fight fought fought fighting
|return returned returned returning|hurry hurried hurried hurrying|hike hiked hiked hiking|camp camped camped camping|fish fished fished fishing|study studied studied studying|move moved moved moving|leave left left leaving|eat ate eaten eating"""

PLACES = """at home|at school|at work|at the office|in the kitchen|in the garden|in the park|in the living room|in the bathroom|in my bedroom|in the car|in the street|in town|in the city|in the village|in the hospital|in the library|in the mountains
|in the forest|on the beach|on the bus|on the train|on the plane|on the table|on the floor|on the sofa|on the roof|on the balcony|on the phone|on the internet|on tv|under the tree|under the table|under the bed|behind the house|behind the door|next to the window
|next to the bank|near the station|near the river|near my house|across the street|around the corner|in front of the shop|in front of the house|at the airport|at the station|at the supermarket|at the market|at the bakery|at the cinema|at the zoo|at the gym|at the pool
|at the restaurant|at the hotel|at the doctor's|at my mother's place|at a friend's house|over there|over here|in the drawer|in the fridge|in the oven|in the box|in the bag|in my pocket|in the basement|in the garage|upstairs|downstairs|outside|inside"""

WHEN = """today|yesterday|tomorrow|tonight|now|right now|again|every day|every morning|every night|every week|every sunday|this morning|this afternoon|this evening|this week|this month|this year|last night|last week|last month|last year|last summer
|next week|next month|next year|next summer|in the morning|in the afternoon|in the evening|at night|at noon|at midnight|on monday|on tuesday|on wednesday|on thursday|on friday|on saturday|on sunday|on the weekend|in the winter|in spring|in autumn|a week ago|two days ago
|a long time ago|an hour ago|in an hour|in a minute|in a few days|for an hour|for a while|for two weeks|all day|all night|all the time|before dinner|after lunch|after work|after school|before breakfast|before bed|during the week|since monday|since last year|until five o'clock|by tomorrow|later|soon|once a week|twice a day|as soon as possible"""


def table(text: str) -> list[list[str]]:
    """Rows of `a b c|d e f`."""
    return [row.split() for row in text.replace("\n", "").split("|")]


def phrases(text: str) -> list[str]:
    """Phrases of `a b|c d`."""
    return text.replace("\n", "").split("|")
